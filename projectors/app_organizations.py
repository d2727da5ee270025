"""The organizations of each member's `app`: one row per member and organization, with counts of its own.

What all members' rows are made from stands once, hidden, in a topic that is never announced.
"""

from collections.abc import Callable
from typing import Literal, assert_never

from msgspec.structs import replace

from events.ids import OrganizationId, TaskId, UserId
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobRetryRequested,
    JobStarted,
    JobSucceeded,
)
from events.organization import (
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    OrganizationCreated,
    OrganizationEvent,
    OrganizationUpdated,
    RepositoryAdded,
    RepositoryRemoved,
    Role,
)
from events.user import OrganizationSelected, TaskSelected
from projectors.rows import Row, Rows

SyncStatus = Literal["pending", "queued", "syncing", "synced", "error"]


class Person(Row, frozen=True, kw_only=True):
    id: UserId
    name: str


class App(Row, frozen=True, kw_only=True):
    user: Person
    active_organization_id: OrganizationId | None = None


class Organization(Row, frozen=True, kw_only=True):
    """`task_count` counts those that are neither archived nor killed, `unread_count` the member's own sessions."""

    id: OrganizationId
    name: str
    role: Role
    sync_status: SyncStatus
    repository_count: int
    task_count: int
    unread_count: int = 0
    selected_task_id: TaskId | None = None


class Shared(Row, frozen=True, kw_only=True):
    """Hidden: what is the same for all members."""

    name: str
    members: tuple[UserId, ...] = ()
    sync_status: SyncStatus = "pending"
    repository_count: int = 0
    task_count: int = 0


def project_organization(rows: Rows, event: OrganizationEvent) -> None:
    id = event.organization_id
    match event:
        case OrganizationCreated(name=name, owner_id=owner):
            rows.put(f"organization/{id}", "_shared", id, Shared(name=name))
            _join(rows, id, owner, "owner")
        case OrganizationUpdated(name=name):
            if name is not None:
                change_organization(rows, id, lambda shared: replace(shared, name=name))
        case MemberAdded(user_id=user, role=role):
            _join(rows, id, user, role)
        case MemberRoleSet(user_id=user, role=role):
            rows.patch(f"app/{user}", "organization", id, Organization, role=role)
        case MemberRemoved(user_id=user):
            _leave(rows, id, user)
        case RepositoryAdded():
            change_organization(
                rows,
                id,
                lambda shared: replace(shared, repository_count=shared.repository_count + 1),
            )
        case RepositoryRemoved():
            change_organization(
                rows,
                id,
                lambda shared: replace(shared, repository_count=shared.repository_count - 1),
            )
        case _:
            assert_never(event)


def project_sync(rows: Rows, event: JobAnnounced | JobEvent) -> None:
    status: SyncStatus
    match event:
        case JobAnnounced() | JobRetryRequested():
            status = "queued"
        case JobStarted():
            status = "syncing"
        case JobSucceeded():
            status = "synced"
        case JobFailed() | JobCancelled():
            status = "error"
        case _:
            # Stages do not show here.
            return
    change_organization(
        rows, event.organization_id, lambda shared: replace(shared, sync_status=status)
    )


def change_organization(rows: Rows, id: OrganizationId, change: Callable[[Shared], Shared]) -> None:
    """Change what all members share, and show it to each of them."""
    before = rows.get(f"organization/{id}", "_shared", id, Shared)
    if before is None:
        return
    shared = change(before)
    rows.put(f"organization/{id}", "_shared", id, shared)
    for user in shared.members:
        row = rows.get(f"app/{user}", "organization", id, Organization)
        if row is not None:
            row = replace(
                row,
                name=shared.name,
                sync_status=shared.sync_status,
                repository_count=shared.repository_count,
                task_count=shared.task_count,
            )
            rows.put(f"app/{user}", "organization", id, row)


def count_unread(rows: Rows, user: UserId, id: OrganizationId, by: int) -> None:
    row = rows.get(f"app/{user}", "organization", id, Organization)
    if row is not None:
        row = replace(row, unread_count=row.unread_count + by)
        rows.put(f"app/{user}", "organization", id, row)


def select_organization(rows: Rows, event: OrganizationSelected) -> None:
    """Show what somebody selected, unless they had left it by then: that may be decided at the same moment."""
    topic = f"app/{event.user_id}"
    app = rows.get(topic, "self", event.user_id, App)
    row = rows.get(topic, "organization", event.organization_id, Organization)
    if app is not None and row is not None:
        rows.put(topic, "self", event.user_id, replace(app, active_organization_id=row.id))


def select_task(rows: Rows, event: TaskSelected) -> None:
    topic, task = f"app/{event.user_id}", event.task_id
    rows.patch(topic, "organization", event.organization_id, Organization, selected_task_id=task)


def _join(rows: Rows, id: OrganizationId, user: UserId, role: Role) -> None:
    shared = rows.get(f"organization/{id}", "_shared", id, Shared)
    if (
        shared is None
        or user in shared.members
        or rows.get(f"app/{user}", "self", user, App) is None
    ):
        return
    shared = replace(shared, members=(*shared.members, user))
    rows.put(f"organization/{id}", "_shared", id, shared)
    row = Organization(
        id=id,
        name=shared.name,
        role=role,
        sync_status=shared.sync_status,
        repository_count=shared.repository_count,
        task_count=shared.task_count,
    )
    rows.put(f"app/{user}", "organization", id, row)


def _leave(rows: Rows, id: OrganizationId, user: UserId) -> None:
    shared = rows.get(f"organization/{id}", "_shared", id, Shared)
    if shared is None or user not in shared.members:
        return
    members = tuple(member for member in shared.members if member != user)
    rows.put(f"organization/{id}", "_shared", id, replace(shared, members=members))
    topic = f"app/{user}"
    rows.remove(topic, "organization", id)
    app = rows.get(topic, "self", user, App)
    if app is not None and app.active_organization_id == id:
        rows.put(topic, "self", user, replace(app, active_organization_id=None))
