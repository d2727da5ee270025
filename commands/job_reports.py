"""What workers report about a job. A worker that no longer holds it is fenced off: `Rejected` (`fenced`)."""

from collections.abc import Mapping, Sequence

from commands.decider import Absent
from commands.job_state import Job, JobState
from commands.owners import job_owners
from events.ids import Timestamp
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobCancelRequested,
    JobEvent,
    JobFailed,
    JobOpened,
    JobStarted,
    JobSucceeded,
    StageFailed,
    StageStarted,
    StageSucceeded,
)
from runtime.errors import Rejected


def opened(
    job: JobState, announced: JobAnnounced, *, stages: Sequence[str], announced_at: Timestamp
) -> list[JobEvent]:
    """The job's first fact, appended by whoever sees the announcement first."""
    match job:
        case Absent():
            return [
                JobOpened(
                    job_id=announced.job_id,
                    kind=announced.kind,
                    organization_id=announced.organization_id,
                    repository_id=announced.repository_id,
                    task_id=announced.task_id,
                    stages=tuple(stages),
                    announced_at=announced_at,
                    input=announced.input,
                )
            ]
        case Job():
            return []


def started(job: JobState, *, worker: str, host: str) -> list[JobEvent]:
    """`worker` takes the job, also from another that holds it: the caller knows that this is right."""
    match job:
        case Job(worker=holder, status="running") if holder == worker:
            return []
        case Job() if job.open:
            return [JobStarted(**job_owners(job), worker=worker, host=host)]
        case _:
            raise Rejected("There is nothing left to do in this job.", code="job_ended")


def stage_started(job: JobState, *, worker: str, stage: str, attempt: int) -> list[JobEvent]:
    held = _held(job, worker)
    if stage in held.results or (held.stage, held.attempt) == (stage, attempt):
        return []
    return [StageStarted(**job_owners(held), stage=stage, attempt=attempt)]


def stage_succeeded(
    job: JobState, *, worker: str, stage: str, attempt: int, result: Mapping[str, str]
) -> list[JobEvent]:
    held = _held(job, worker)
    if stage in held.results:
        return []
    owners = job_owners(held)
    return [StageSucceeded(**owners, stage=stage, attempt=attempt, result=dict(result))]


def stage_failed(
    job: JobState,
    *,
    worker: str,
    stage: str,
    attempt: int,
    message: str,
    retry_at: Timestamp | None,
) -> list[JobEvent]:
    held = _held(job, worker)
    if stage in held.results:
        return []
    return [
        StageFailed(
            **job_owners(held), stage=stage, attempt=attempt, message=message, retry_at=retry_at
        )
    ]


def succeeded(job: JobState, *, worker: str) -> list[JobEvent]:
    match job:
        case Job(status="succeeded"):
            return []
        case _:
            return [JobSucceeded(**job_owners(_held(job, worker)))]


def failed(job: JobState, *, worker: str, stage: str, message: str) -> list[JobEvent]:
    match job:
        case Job(status="failed"):
            return []
        case _:
            return [JobFailed(**job_owners(_held(job, worker)), stage=stage, message=message)]


def cancel_requested(job: JobState) -> list[JobEvent]:
    """Another job cannot wait for this one, which is asked to stop."""
    match job:
        case Job(open=True, cancel_requested=False):
            return [JobCancelRequested(**job_owners(job))]
        case _:
            return []


def cancelled(job: JobState) -> list[JobEvent]:
    """The request to stop was honoured, by the worker or by who found that no worker had taken the job."""
    match job:
        case Job(cancel_requested=True) if job.open:
            return [JobCancelled(**job_owners(job))]
        case _:
            return []


def dropped(job: JobState, *, worker: str) -> list[JobEvent]:
    """What the job was for is gone: it ends without anybody having asked for that."""
    match job:
        case Job(status="cancelled"):
            return []
        case _:
            return [JobCancelled(**job_owners(_held(job, worker)))]


def _held(job: JobState, worker: str) -> Job:
    match job:
        case Job(worker=holder) if holder == worker and job.open:
            return job
        case _:
            raise Rejected("Another worker holds this job, or it has ended; stop.", code="fenced")
