"""`workspace/<organization>`: everything a sidebar shows; `repository/<repository>`: one repository with its branches."""

from typing import assert_never

from msgspec.structs import replace

from events.commit import Commit, Event
from events.fact import TaskFact
from events.ids import OrganizationId, UserId
from events.job import JobFact
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
from events.repository import RepositoryEvent
from projectors.projection import Projection, Trouble, View
from projectors.rows import Row, Rows
from projectors.workspace_repositories import (
    add_repository,
    project_repository,
    project_repository_job,
    remove_repository,
)
from projectors.workspace_tasks import (
    let_go,
    project_task,
    project_task_job,
    show_task_trouble,
)


class WorkspaceSelf(Row, frozen=True, kw_only=True):
    id: OrganizationId
    name: str
    default_agent: str | None = None
    default_model: str | None = None


class Member(Row, frozen=True, kw_only=True):
    id: UserId
    name: str
    role: Role


def project(rows: Rows, event: Event, commit: Commit) -> None:
    if commit.organization_id is not None:
        let_go(rows, commit.organization_id, commit.at)
    if isinstance(event, TaskFact):
        project_task(rows, event, commit.at)
    elif isinstance(event, JobFact):
        if event.task_id is not None:
            project_task_job(rows, event.task_id, event, commit.at)
        elif event.repository_id is not None:
            project_repository_job(rows, event.repository_id, event, commit.at)
    elif isinstance(event, RepositoryEvent):
        project_repository(rows, event, commit.at)
    elif isinstance(event, OrganizationEvent):
        _project_organization(rows, event)


def show_trouble(rows: Rows, trouble: Trouble) -> None:
    if trouble.kind == "task":
        show_task_trouble(rows, trouble)


def _project_organization(rows: Rows, event: OrganizationEvent) -> None:
    id = event.organization_id
    topic = f"workspace/{id}"
    match event:
        case OrganizationCreated(name=name, owner_id=owner, owner_name=owner_name):
            rows.put(topic, "self", id, WorkspaceSelf(id=id, name=name))
            rows.put(topic, "member", owner, Member(id=owner, name=owner_name, role="owner"))
        case OrganizationUpdated():
            itself = rows.get(topic, "self", id, WorkspaceSelf)
            if itself is not None:
                rows.put(topic, "self", id, _updated(itself, event))
        case MemberAdded(user_id=user, name=name, role=role):
            rows.put(topic, "member", user, Member(id=user, name=name, role=role))
        case MemberRoleSet(user_id=user, role=role):
            rows.patch(topic, "member", user, Member, role=role)
        case MemberRemoved(user_id=user):
            rows.remove(topic, "member", user)
        case RepositoryAdded():
            add_repository(rows, event)
        case RepositoryRemoved():
            remove_repository(rows, event)
        case _:
            assert_never(event)


def _default(changed: str | None, before: str | None) -> str | None:
    return before if changed is None else changed or None


def _updated(itself: WorkspaceSelf, event: OrganizationUpdated) -> WorkspaceSelf:
    return replace(
        itself,
        name=itself.name if event.name is None else event.name,
        default_agent=_default(event.default_agent, itself.default_agent),
        default_model=_default(event.default_model, itself.default_model),
    )


WORKSPACE = Projection(
    name="workspace",
    kinds=frozenset({"organization", "repository", "task", "job"}),
    views={
        "workspace": View(
            {
                "members": "member",
                "repositories": "repository",
                "tasks": "task",
                "pull_requests": "pull_request",
            }
        ),
        "repository": View({"branches": "branch", "jobs": "job"}),
    },
    project=project,
    module=__name__,
    show_trouble=show_trouble,
)
