"""The histories of a task that a worker finds, one longer than the other."""

from commands.task import TASK
from commands.task_state import TaskState
from events.commit import Event
from tests import facts
from tests.decisions.given import folded

MADE: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.message_queued(),
    facts.job_announced(),
]


READY: list[Event] = [
    *MADE,
    facts.sandbox_allocated(),
    facts.sandbox_ready(),
    facts.session_ready(),
    facts.task_provisioned(),
]


RUNNING: list[Event] = [*READY, facts.message_delivered()]


def after(*history: Event) -> TaskState:
    return folded(TASK, history)
