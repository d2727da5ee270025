"""Which host a job belongs to: work on a sandbox to the one that holds it, everything else to anybody."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from commands.aggregates import Aggregates
from commands.job import JOB
from commands.job_state import Job
from commands.task import TASK
from commands.task_state import Sandbox, Task
from events.job import TASK_KILL, JobAnnounced
from workflows.presence import Presence

Place: TypeAlias = Literal["here", "anywhere", "elsewhere"]


class Placement:
    """Asks for the states at their heads: a sandbox may have been bound to a host a moment ago."""

    def __init__(self, aggregates: Aggregates, presence: Presence, *, host: str) -> None:
        self._aggregates = aggregates
        self._presence = presence
        self._host = host

    async def of(self, announced: JobAnnounced) -> Place:
        if announced.task_id is None:
            return "anywhere"
        task = (await self._aggregates.confirmed(TASK, announced.task_id)).state
        if not isinstance(task, Task):
            return "anywhere"
        job = (await self._aggregates.confirmed(JOB, announced.job_id)).state
        return place(
            announced.kind,
            task.sandbox,
            here=self._host,
            cancelled=isinstance(job, Job) and job.cancel_requested,
            away=self._presence.away,
        )


def place(
    kind: str,
    sandbox: Sandbox | None,
    *,
    here: str,
    cancelled: bool,
    away: Callable[[str], bool],
) -> Place:
    """Where a job is to run. A host that stays away keeps nobody from killing a task or cancelling a job of it."""
    if sandbox is None:
        return "anywhere"
    if sandbox.host == here:
        return "here"
    if (kind == TASK_KILL or cancelled) and away(sandbox.host):
        return "anywhere"
    return "elsewhere"
