"""What has happened to a task by the time its first session takes messages."""

from events.commit import Event
from tests import facts

READY: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.job_announced(),
    facts.sandbox_allocated(),
    facts.sandbox_ready(),
    facts.session_ready(),
    facts.task_provisioned(),
]
