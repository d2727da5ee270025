"""The four projections of the system."""

from projectors.app_shell import APP_SHELL
from projectors.task_detail import TASK_DETAIL
from projectors.transcript import TRANSCRIPT
from projectors.workspace import WORKSPACE

PROJECTIONS = (APP_SHELL, WORKSPACE, TASK_DETAIL, TRANSCRIPT)
