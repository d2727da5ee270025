"""How the facts of a job become its state."""

from msgspec.structs import replace

from commands.decider import Absent, Origin
from commands.job_state import Job, JobState
from events.commit import Event
from events.job import (
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


def evolve(state: JobState, event: Event, origin: Origin) -> JobState:
    match state, event:
        case Absent(), JobOpened():
            return Job(
                job_id=event.job_id,
                kind=event.kind,
                organization_id=event.organization_id,
                repository_id=event.repository_id,
                task_id=event.task_id,
                input=event.input,
                stages=event.stages,
                announced_at=event.announced_at,
            )
        case Job(), _:
            return _evolve_job(state, event)
        case _:
            return state


def _evolve_job(job: Job, event: Event) -> Job:
    match event:
        case JobStarted():
            return replace(job, status="running", worker=event.worker, host=event.host)
        case StageStarted():
            return replace(
                job,
                status="running",
                stage=event.stage,
                attempt=event.attempt,
                forgiven=job.forgiven if event.stage == job.stage else 0,
                retry_at=None,
            )
        case StageSucceeded():
            results = {**job.results, event.stage: event.result}
            return replace(job, results=results, status="running", retry_at=None, failures=0)
        case StageFailed():
            retrying = event.retry_at is not None
            return replace(
                job,
                status="retrying" if retrying else job.status,
                stage=event.stage,
                attempt=event.attempt,
                failures=job.failures + 1,
                retry_at=event.retry_at,
            )
        case JobSucceeded():
            return replace(job, status="succeeded")
        case JobFailed():
            return replace(job, status="failed", stage=event.stage, retry_at=None)
        case JobCancelRequested():
            return replace(job, cancel_requested=True)
        case JobCancelled():
            return replace(job, status="cancelled")
        case JobRetryRequested():
            return replace(
                job,
                status="queued",
                forgiven=job.attempt,
                failures=0,
                worker=None,
                cancel_requested=False,
            )
        case _:
            return job
