"""The projections of the system: the one list of them."""

from projectors.app_shell import APP_SHELL
from projectors.task_detail import TASK_DETAIL
from projectors.transcript import TRANSCRIPT
from projectors.workspace import WORKSPACE

PROJECTIONS = (APP_SHELL, WORKSPACE, TASK_DETAIL, TRANSCRIPT)

PROJECTION_OF = {view: projection.name for projection in PROJECTIONS for view in projection.views}
"""Which projection keeps the topics of a kind."""
