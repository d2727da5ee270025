"""`job/<id>`: one job with its target, its stages and what each of them found out."""

from typing import Literal

from msgspec import field
from msgspec.structs import replace

from events.ids import JobId, OrganizationId, RepositoryId, TaskId, Timestamp
from events.job import JobAnnounced, JobEvent, StageSucceeded
from projectors.jobs import Job, JobStatus, job_after
from projectors.rows import Row, Rows


class Target(Row, frozen=True, kw_only=True):
    """What the job is done for: the narrowest of its owners."""

    kind: Literal["task", "repository", "organization"]
    id: TaskId | RepositoryId | OrganizationId


class JobSelf(Row, frozen=True, kw_only=True):
    """`results` are those of the finished stages, by stage."""

    id: JobId
    kind: str
    details: dict[str, str]
    status: JobStatus
    stage: str | None
    target: Target
    results: dict[str, dict[str, str]]


class KnownJob(Row, frozen=True, kw_only=True):
    """Hidden: the job as lists show it, and whose it is."""

    job: Job
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None
    results: dict[str, dict[str, str]] = field(default_factory=dict)


def project_job(rows: Rows, event: JobAnnounced | JobEvent, at: Timestamp) -> Job | None:
    """The job after an event; None for one that claims another target's job."""
    id = event.job_id
    topic = f"job/{id}"
    known = rows.get(topic, "_job", id, KnownJob)
    if known is None:
        known = KnownJob(
            job=Job(id=id, kind=event.kind),
            organization_id=event.organization_id,
            repository_id=event.repository_id,
            task_id=event.task_id,
        )
    elif _owners(known) != _owners(event):
        return None
    results = known.results
    if isinstance(event, StageSucceeded):
        results = {**results, event.stage: event.result}
    known = replace(known, job=job_after(known.job, event, at), results=results)
    rows.put(topic, "_job", id, known)
    job = known.job
    itself = JobSelf(
        id=id,
        kind=job.kind,
        details=job.details,
        status=job.status,
        stage=job.stage,
        target=_target(event),
        results=results,
    )
    rows.put(topic, "self", id, itself)
    for stage in job.stages:
        rows.put(topic, "stage", stage.id, stage)
    return job


def _owners(
    owned: KnownJob | JobAnnounced | JobEvent,
) -> tuple[OrganizationId, RepositoryId | None, TaskId | None]:
    return owned.organization_id, owned.repository_id, owned.task_id


def _target(event: JobAnnounced | JobEvent) -> Target:
    if event.task_id is not None:
        return Target(kind="task", id=event.task_id)
    if event.repository_id is not None:
        return Target(kind="repository", id=event.repository_id)
    return Target(kind="organization", id=event.organization_id)
