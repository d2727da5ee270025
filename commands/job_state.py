"""What decisions about a job, and the worker that runs it, need to know of it."""

from typing import Literal, TypeAlias

from msgspec import Struct

from commands.decider import Absent
from events.ids import JobId, OrganizationId, RepositoryId, TaskId, Timestamp

JobStatus = Literal["queued", "running", "retrying", "succeeded", "failed", "cancelled"]


class Job(Struct, frozen=True, kw_only=True):
    """`stage` and `attempt` are the newest started; `results` those of the stages that succeeded.

    `failures` counts those of the stage in work, since its start or a person's retry; `forgiven`
    are its attempts before that retry.
    `worker` is the run that may report on: the one that last started it. `retry_at` is when a
    retrying one goes on.
    """

    job_id: JobId
    kind: str
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None
    input: dict[str, str]
    stages: tuple[str, ...]
    announced_at: Timestamp
    status: JobStatus = "queued"
    stage: str | None = None
    attempt: int = 0
    forgiven: int = 0
    failures: int = 0
    retry_at: Timestamp | None = None
    results: dict[str, dict[str, str]] = {}
    worker: str | None = None
    host: str | None = None
    cancel_requested: bool = False

    @property
    def open(self) -> bool:
        """Whether it still has to be worked on."""
        return self.status in ("queued", "running", "retrying")

    @property
    def next_stage(self) -> str | None:
        """The first stage without a result; None when all have one."""
        return next((stage for stage in self.stages if stage not in self.results), None)

    def starts_without_end(self, stage: str) -> int:
        """How often a stage was started without a word on how that ended: its worker ended with it."""
        return self.attempt - self.forgiven - self.failures if stage == self.stage else 0


JobState: TypeAlias = Absent | Job
