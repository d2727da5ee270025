"""The owners that stand in each fact of a task or a job, so that no reader has to look them up."""

from collections.abc import Sequence
from typing import TypedDict

from commands.job_state import Job
from commands.task_state import Task
from events.commit import Event
from events.ids import JobId, OrganizationId, RepositoryId, TaskId
from events.log import LogEvent
from events.user import UserEvent


class TaskOwners(TypedDict):
    task_id: TaskId
    organization_id: OrganizationId
    repository_id: RepositoryId


class JobOwners(TypedDict):
    job_id: JobId
    kind: str
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None


def organization_of(events: Sequence[Event]) -> OrganizationId | None:
    """The organization whose members may see a commit of these events; None for what is a person's own, or the log's."""
    for event in events:
        if not isinstance(event, UserEvent | LogEvent):
            return event.organization_id
    return None


def task_owners(task: Task) -> TaskOwners:
    return TaskOwners(
        task_id=task.task_id,
        organization_id=task.organization_id,
        repository_id=task.repository_id,
    )


def job_owners(job: Job) -> JobOwners:
    return JobOwners(
        job_id=job.job_id,
        kind=job.kind,
        organization_id=job.organization_id,
        repository_id=job.repository_id,
        task_id=job.task_id,
    )
