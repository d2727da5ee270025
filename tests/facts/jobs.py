"""Builders for the facts about jobs."""

from events.ids import JobId, RepositoryId, TaskId, Timestamp
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobCancelRequested,
    JobFailed,
    JobOpened,
    JobRetryRequested,
    JobStarted,
    JobSucceeded,
    StageFailed,
    StageStarted,
    StageSucceeded,
)
from tests.facts.town import JOB, ORGANIZATION, REPOSITORY, STAGES, SYNC_JOB, TASK


class OfTask:
    """The owners of a job that is done for a task."""

    def __init__(self, task: TaskId = TASK, job: JobId = JOB, kind: str = "task_provision") -> None:
        self.job_id, self.kind, self.task_id = job, kind, task
        self.repository_id: RepositoryId | None = REPOSITORY


class OfRepository:
    """The owners of a job that is done for a repository."""

    def __init__(self, job: JobId = SYNC_JOB, repository: RepositoryId | None = REPOSITORY) -> None:
        self.job_id, self.kind, self.repository_id = job, "repository_sync", repository
        self.task_id: TaskId | None = None


Owned = OfTask | OfRepository
OF_TASK = OfTask()


def job_announced(of: Owned = OF_TASK, **input: str) -> JobAnnounced:
    return JobAnnounced(**vars(of), organization_id=ORGANIZATION, input=input)


def job_opened(of: Owned = OF_TASK, *, stages: tuple[str, ...] = STAGES) -> JobOpened:
    return JobOpened(
        **vars(of), organization_id=ORGANIZATION, stages=stages, announced_at=Timestamp(1000)
    )


def job_started(of: Owned = OF_TASK) -> JobStarted:
    return JobStarted(**vars(of), organization_id=ORGANIZATION, worker="w1", host="h1")


def stage_started(of: Owned = OF_TASK, *, stage: str = STAGES[0], attempt: int = 1) -> StageStarted:
    return StageStarted(**vars(of), organization_id=ORGANIZATION, stage=stage, attempt=attempt)


def stage_succeeded(
    of: Owned = OF_TASK, *, stage: str = STAGES[0], result: dict[str, str] | None = None
) -> StageSucceeded:
    return StageSucceeded(
        **vars(of), organization_id=ORGANIZATION, stage=stage, attempt=1, result=result or {}
    )


def stage_failed(
    of: Owned = OF_TASK,
    *,
    stage: str = STAGES[0],
    message: str = "disk full",
    retry_at: int | None = None,
) -> StageFailed:
    return StageFailed(
        **vars(of),
        organization_id=ORGANIZATION,
        stage=stage,
        attempt=1,
        message=message,
        retry_at=None if retry_at is None else Timestamp(retry_at),
    )


def job_succeeded(of: Owned = OF_TASK) -> JobSucceeded:
    return JobSucceeded(**vars(of), organization_id=ORGANIZATION)


def job_failed(
    of: Owned = OF_TASK, *, stage: str = STAGES[0], message: str = "disk full"
) -> JobFailed:
    return JobFailed(**vars(of), organization_id=ORGANIZATION, stage=stage, message=message)


def job_cancel_requested(of: Owned = OF_TASK) -> JobCancelRequested:
    return JobCancelRequested(**vars(of), organization_id=ORGANIZATION)


def job_cancelled(of: Owned = OF_TASK) -> JobCancelled:
    return JobCancelled(**vars(of), organization_id=ORGANIZATION)


def job_retry_requested(of: Owned = OF_TASK) -> JobRetryRequested:
    return JobRetryRequested(**vars(of), organization_id=ORGANIZATION)
