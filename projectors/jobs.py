"""The course of a job, as every view shows it."""

from collections.abc import Sequence
from typing import Literal, assert_never

from msgspec import field
from msgspec.structs import replace

from events.ids import JobId, Timestamp
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobCancelRequested,
    JobEvent,
    JobFailed,
    JobOpened,
    JobRetryRequested,
    JobStarted,
    JobSucceeded,
    StageFailed,
    StageStarted,
    StageSucceeded,
)
from projectors.rows import Row, Rows

JobStatus = Literal["queued", "running", "retrying", "succeeded", "failed", "cancelled"]
StageStatus = Literal["queued", "running", "retrying", "succeeded", "failed", "cancelled"]

ENDED = ("succeeded", "failed", "cancelled")
SHOWN = 100
"""A list of jobs shows this many of the newest; each older one still has its own topic `job/<id>`."""

DETAILS = ("branch", "parent", "path")
"""Of what a job was told, that which tells it from others of its kind with the same target."""

AnyJobEvent = JobAnnounced | JobEvent


class Stage(Row, frozen=True, kw_only=True):
    id: str
    status: StageStatus = "queued"
    attempt: int = 0
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    message: str | None = None


class JobBrief(Row, frozen=True, kw_only=True):
    """`stage` is the one in work, or the last one that was."""

    id: JobId
    kind: str
    stage: str | None = None
    status: JobStatus = "queued"


class Job(Row, frozen=True, kw_only=True):
    """`stages` stand in the order in which they are done; `details` are its branch, parent or path, where it has one."""

    id: JobId
    kind: str
    details: dict[str, str] = field(default_factory=dict)
    status: JobStatus = "queued"
    stage: str | None = None
    stages: tuple[Stage, ...] = ()


class ListedJobs(Row, frozen=True):
    """Which jobs a list shows, oldest first."""

    ids: tuple[JobId, ...] = ()


def brief_after(brief: JobBrief | None, event: AnyJobEvent) -> JobBrief:
    """Status and stage after an event; None stands for a job nobody has heard of."""
    brief = brief or JobBrief(id=event.job_id, kind=event.kind)
    match event:
        case JobAnnounced() | JobOpened() | JobCancelRequested():
            return brief
        case JobStarted() | StageSucceeded():
            return replace(brief, status="running")
        case StageStarted(stage=stage):
            return replace(brief, status="running", stage=stage)
        case StageFailed(stage=stage, retry_at=retry_at):
            return replace(brief, status="running" if retry_at is None else "retrying", stage=stage)
        case JobSucceeded():
            return replace(brief, status="succeeded")
        case JobFailed(stage=stage):
            return replace(brief, status="failed", stage=stage)
        case JobCancelled():
            return replace(brief, status="cancelled")
        case JobRetryRequested():
            return replace(brief, status="queued")
        case _:
            assert_never(event)


def job_after(job: Job | None, event: AnyJobEvent, at: Timestamp) -> Job:
    """The whole job after an event at a time."""
    job = job or Job(id=event.job_id, kind=event.kind)
    brief = brief_after(
        JobBrief(id=job.id, kind=job.kind, stage=job.stage, status=job.status), event
    )
    if isinstance(event, JobAnnounced):
        told = {name: event.input[name] for name in DETAILS if name in event.input}
        job = replace(job, details=told)
    return replace(
        job,
        status=brief.status,
        stage=brief.stage,
        stages=tuple(_stages_after(job.stages, event, at)),
    )


def list_job(rows: Rows, topic: str, job: Job) -> None:
    """Show a job in a topic's list of jobs, and let the oldest go when there are too many."""
    listed = rows.get(topic, "_jobs", topic, ListedJobs) or ListedJobs()
    if job.id not in listed.ids:
        ids = (*listed.ids, job.id)
        for gone in ids[:-SHOWN]:
            rows.remove(topic, "job", gone)
        rows.put(topic, "_jobs", topic, ListedJobs(ids[-SHOWN:]))
    rows.put(topic, "job", job.id, job)


def _stages_after(stages: Sequence[Stage], event: AnyJobEvent, at: Timestamp) -> Sequence[Stage]:
    match event:
        case JobAnnounced() | JobStarted() | JobSucceeded() | JobCancelRequested():
            return stages
        case JobOpened(stages=names):
            return [Stage(id=name) for name in names]
        case StageStarted(stage=name, attempt=attempt):
            started = Stage(id=name, status="running", attempt=attempt, started_at=at)
            if all(stage.id != name for stage in stages):
                return [*stages, started]
            return [started if stage.id == name else stage for stage in stages]
        case StageSucceeded(stage=name):
            return _ended(stages, name, "succeeded", at, None)
        case StageFailed(stage=name, message=message, retry_at=retry_at):
            return _ended(stages, name, "failed" if retry_at is None else "retrying", at, message)
        case JobFailed(stage=name, message=message):
            return _ended(stages, name, "failed", at, message)
        case JobCancelled():
            return [
                stage
                if stage.status in ENDED
                else replace(stage, status="cancelled", ended_at=stage.ended_at or at)
                for stage in stages
            ]
        case JobRetryRequested():
            return [
                stage if stage.status == "succeeded" else Stage(id=stage.id, attempt=stage.attempt)
                for stage in stages
            ]
        case _:
            assert_never(event)


def _ended(
    stages: Sequence[Stage], name: str, status: StageStatus, at: Timestamp, message: str | None
) -> Sequence[Stage]:
    return [
        replace(stage, status=status, ended_at=at, message=message) if stage.id == name else stage
        for stage in stages
    ]
