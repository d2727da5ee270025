"""What a kind of job is: its stages in order, how long each may take, and what happens when one fails."""

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from events.ids import JobId, OrganizationId, RepositoryId, TaskId


class StageFailure(Exception):
    """A stage failed for a reason a person can read. `permanent` failures are not tried again by themselves."""

    def __init__(
        self, message: str, *, code: str = "stage_failed", permanent: bool = False
    ) -> None:
        super().__init__(message)
        # It is stored; a path or a program's words may have bytes that are no text.
        self.message = message.encode(errors="backslashreplace").decode()
        self.code = code
        self.permanent = permanent


class JobNotWanted(Exception):
    """What the job was for is gone (its task is being killed): it ends as cancelled."""


class NotOurs(Exception):
    """Another worker has the job or should have it, or it has ended: leave it alone."""


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What a stage knows: whom the job is for, and what the stages before it found out.

    Its deadline stands still while it is `waiting`: for others to end, which is no failure of its own.
    """

    job_id: JobId
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None
    input: Mapping[str, str]
    results: Mapping[str, Mapping[str, str]]
    correlation_id: str
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext

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
class Retry:
    """How often a stage is tried, the first time included, and how long is waited in between (seconds)."""

    attempts: int = 3
    first: float = 0.5
    longest: float = 30.0

    def delay(self, failures: int, *, random_unit: Callable[[], float] = random.random) -> float:
        """Seconds to wait after this many failures: doubled each time, and the upper half of that at random."""
        ceiling = min(self.longest, self.first * 2.0 ** (failures - 1))
        return ceiling * (0.5 + random_unit() / 2)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step. `run` may be called again after a crash: it is idempotent by (job, stage).

    `deadline` is in seconds for one attempt. A crash of the worker is no failure: it uses up no attempt,
    but a stage that crashes it again and again is not started for ever.
    """

    name: str
    run: Callable[[JobContext], Awaitable[StageResult]]
    deadline: float = 120.0
    retry: Retry = Retry()


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """`failed` is called before the job's failure is stored, and again after a crash in between.

    A person's `job.cancel` calls it too, as a failure with the code `job_cancelled`. `at_once`,
    `per_repository` and `per_remote` bound how many of the kind one worker runs at a time. Of those places one is
    not for the remote that has all others.
    """

    name: str
    stages: tuple[Stage, ...]
    failed: Callable[[JobContext, str, StageFailure], Awaitable[None]]
    at_once: int = 6
    per_repository: int = 6
    per_remote: int = 6

    def within(self, seconds: float | None) -> "JobKind":
        """The same kind, no stage of which may take longer than `seconds`."""
        if seconds is None:
            return self
        stages = (replace(one, deadline=min(one.deadline, seconds)) for one in self.stages)
        return replace(self, stages=tuple(stages))

    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)
