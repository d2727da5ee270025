"""What a kind of job is: its stages in order, how long each may take, and what happens when one fails."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from events.ids import JobId, OrganizationId, RepositoryId, TaskId


class StageFailure(Exception):
    """A stage failed for a reason a person can read. `permanent` failures are not tried again by themselves."""

    def __init__(
        self, message: str, *, code: str = "stage_failed", permanent: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.permanent = permanent


class JobNotWanted(Exception):
    """What the job was for is gone (its task is being killed): it ends as cancelled."""


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What a stage knows: whom the job is for, and what the stages before it found out."""

    job_id: JobId
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None
    input: Mapping[str, str]
    results: Mapping[str, Mapping[str, str]]
    correlation_id: str

    @property
    def task(self) -> TaskId:
        """The task of a job that has one."""
        assert self.task_id is not None
        return self.task_id

    @property
    def repository(self) -> RepositoryId:
        """The repository of a job that has one."""
        assert self.repository_id is not None
        return self.repository_id


StageResult = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step. `run` may be called again after a crash: it is idempotent by (job, stage).

    `deadline` is in seconds for one attempt, `attempts` counts the first one too.
    """

    name: str
    run: Callable[[JobContext], Awaitable[StageResult]]
    deadline: float = 120.0
    attempts: int = 3


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """`failed` is told before the job's failure is stored, and once more after a crash in between."""

    name: str
    stages: tuple[Stage, ...]
    failed: Callable[[JobContext, str, StageFailure], Awaitable[None]]

    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)


def retry_delay(attempt: int, *, random_unit: Callable[[], float] = random.random) -> float:
    """Seconds to wait before the attempt after `attempt`: 0.5, 1, 2, … up to 30, with full jitter above half."""
    ceiling = float(min(30.0, 0.5 * 2 ** (attempt - 1)))
    return ceiling * (0.5 + random_unit() / 2)
