"""The repositories of an organization: a row each in its workspace, and `repository/<id>` with the branches."""

from typing import Literal, assert_never

from msgspec.structs import replace

from events.fact import TaskFact
from events.ids import OrganizationId, RepositoryId, TaskId, Timestamp
from events.job import (
    REPOSITORY_SYNC,
    JobAnnounced,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobRetryRequested,
    JobStarted,
)
from events.organization import RepositoryAdded, RepositoryRemoved
from events.repository import (
    BranchParentRecorded,
    RepositoryEvent,
    RepositorySynced,
    RepositorySyncFailed,
)
from projectors.jobs import Job, job_after, list_job
from projectors.rows import Row, Rows
from projectors.task_course import PullRequest

Freshness = Literal["queued", "running", "fresh", "stale", "error"]


class Repository(Row, frozen=True, kw_only=True):
    """`pull_requests_status` stays None until a provider of pull requests is connected."""

    id: RepositoryId
    name: str
    remote_url: str
    default_branch: str | None = None
    task_count: int = 0
    latest_activity_at: Timestamp | None = None
    branches_status: Freshness = "stale"
    branches_at: Timestamp | None = None
    pull_requests_status: Freshness | None = None
    pull_requests_at: Timestamp | None = None


class RepositorySelf(Row, frozen=True, kw_only=True):
    id: RepositoryId
    organization_id: OrganizationId
    name: str
    remote_url: str
    default_branch: str | None = None
    branches_status: Freshness = "stale"
    branches_at: Timestamp | None = None
    pull_requests_status: Freshness | None = None
    pull_requests_at: Timestamp | None = None


class Branch(Row, frozen=True, kw_only=True):
    """`parent` is the branch this one is stacked on, None while nobody said so."""

    id: str
    sha: str
    task_id: TaskId | None
    ahead: int | None
    behind: int | None
    conflicts: bool | None
    parent: str | None = None
    pull_request: PullRequest | None = None


class ParentOfBranch(Row, frozen=True):
    """Hidden: what a branch is stacked on, also while the remote does not have the branch."""

    name: str


class TaskOfBranch(Row, frozen=True):
    """Hidden: the task that works on a branch, known before the branch is seen in the remote."""

    task_id: TaskId


def add_repository(rows: Rows, event: RepositoryAdded) -> None:
    id = event.repository_id
    row = Repository(id=id, name=event.name, remote_url=event.remote_url)
    rows.put(f"workspace/{event.organization_id}", "repository", id, row)
    # An id that another organization gave to a repository of its own keeps naming that one.
    if rows.get(f"repository/{id}", "self", id, RepositorySelf) is None:
        itself = RepositorySelf(
            id=id,
            organization_id=event.organization_id,
            name=event.name,
            remote_url=event.remote_url,
        )
        rows.put(f"repository/{id}", "self", id, itself)


def remove_repository(rows: Rows, event: RepositoryRemoved) -> None:
    rows.remove(f"workspace/{event.organization_id}", "repository", event.repository_id)
    if _itself(rows, event.organization_id, event.repository_id) is not None:
        rows.end(f"repository/{event.repository_id}")


def project_repository(rows: Rows, event: RepositoryEvent, at: Timestamp) -> None:
    match event:
        case RepositorySynced():
            _set_freshness(rows, event.organization_id, event.repository_id, "fresh", at)
            _set_branches(rows, event)
        case RepositorySyncFailed():
            _set_freshness(rows, event.organization_id, event.repository_id, "error", None)
        case BranchParentRecorded():
            _set_parent(rows, event)
        case _:
            assert_never(event)


def project_repository_job(
    rows: Rows, repository_id: RepositoryId, event: JobAnnounced | JobEvent, at: Timestamp
) -> None:
    if event.kind == REPOSITORY_SYNC and (freshness := _freshness_after(event)):
        _set_freshness(rows, event.organization_id, repository_id, freshness, None)
    if _itself(rows, event.organization_id, repository_id) is not None:
        topic = f"repository/{repository_id}"
        # Hidden, and longer than it is listed: it may be retried when it is not any more.
        job = job_after(rows.get(topic, "_job", event.job_id, Job), event, at)
        rows.put(topic, "_job", job.id, job)
        list_job(rows, topic, job)


def count_task(rows: Rows, event: TaskFact, by: int) -> None:
    topic = f"workspace/{event.organization_id}"
    row = rows.get(topic, "repository", event.repository_id, Repository)
    if row is not None:
        rows.put(topic, "repository", row.id, replace(row, task_count=row.task_count + by))


def note_activity(rows: Rows, event: TaskFact, at: Timestamp) -> None:
    topic = f"workspace/{event.organization_id}"
    rows.patch(topic, "repository", event.repository_id, Repository, latest_activity_at=at)


def name_branch(rows: Rows, event: TaskFact, branch: str) -> None:
    """The task works on that branch."""
    if _itself(rows, event.organization_id, event.repository_id) is None:
        return
    topic = f"repository/{event.repository_id}"
    rows.put(topic, "_task_of_branch", branch, TaskOfBranch(event.task_id))
    rows.patch(topic, "branch", branch, Branch, task_id=event.task_id)


def task_of_branch(rows: Rows, repository_id: RepositoryId, branch: str) -> TaskId | None:
    """The task that works on that branch."""
    owner = rows.get(f"repository/{repository_id}", "_task_of_branch", branch, TaskOfBranch)
    return owner.task_id if owner is not None else None


def forget_branch(rows: Rows, event: TaskFact, branch: str) -> None:
    """The task is no more; its branch, if it is still there, belongs to nobody."""
    topic = f"repository/{event.repository_id}"
    owner = rows.get(topic, "_task_of_branch", branch, TaskOfBranch)
    if owner is not None and owner.task_id == event.task_id:
        rows.remove(topic, "_task_of_branch", branch)
        rows.patch(topic, "branch", branch, Branch, task_id=None)


def _itself(
    rows: Rows, organization_id: OrganizationId, repository_id: RepositoryId
) -> RepositorySelf | None:
    itself = rows.get(f"repository/{repository_id}", "self", repository_id, RepositorySelf)
    return itself if itself is not None and itself.organization_id == organization_id else None


def _freshness_after(event: JobAnnounced | JobEvent) -> Freshness | None:
    match event:
        case JobAnnounced() | JobRetryRequested():
            return "queued"
        case JobStarted():
            return "running"
        case JobFailed():
            return "error"
        case JobCancelled():
            return "stale"
        case _:
            # A finished sync says what it found in `repository_synced`; the rest changes nothing.
            return None


def _set_freshness(
    rows: Rows,
    organization_id: OrganizationId,
    repository_id: RepositoryId,
    freshness: Freshness,
    at: Timestamp | None,
) -> None:
    """`at` is when the branches were seen; None leaves that time as it is."""
    changes: dict[str, object] = {"branches_status": freshness}
    if at is not None:
        changes["branches_at"] = at
    id = repository_id
    rows.patch(f"workspace/{organization_id}", "repository", id, Repository, **changes)
    if _itself(rows, organization_id, id) is not None:
        rows.patch(f"repository/{id}", "self", id, RepositorySelf, **changes)


def _set_branches(rows: Rows, event: RepositorySynced) -> None:
    id, default = event.repository_id, event.default_branch
    workspace, topic = f"workspace/{event.organization_id}", f"repository/{id}"
    rows.patch(workspace, "repository", id, Repository, default_branch=default)
    if _itself(rows, event.organization_id, id) is None:
        return
    rows.patch(topic, "self", id, RepositorySelf, default_branch=default)
    names = {branch.name for branch in event.branches}
    for gone in rows.ids(topic, "branch"):
        if gone not in names:
            rows.remove(topic, "branch", gone)
    for branch in event.branches:
        owner = rows.get(topic, "_task_of_branch", branch.name, TaskOfBranch)
        parent = rows.get(topic, "_parent_of_branch", branch.name, ParentOfBranch)
        shown = Branch(
            id=branch.name,
            sha=branch.sha,
            task_id=owner.task_id if owner else None,
            ahead=branch.ahead,
            behind=branch.behind,
            conflicts=branch.conflicts,
            parent=parent.name if parent else None,
        )
        rows.put(topic, "branch", branch.name, shown)


def _set_parent(rows: Rows, event: BranchParentRecorded) -> None:
    if _itself(rows, event.organization_id, event.repository_id) is None:
        return
    topic = f"repository/{event.repository_id}"
    rows.put(topic, "_parent_of_branch", event.branch, ParentOfBranch(event.parent))
    rows.patch(topic, "branch", event.branch, Branch, parent=event.parent)
