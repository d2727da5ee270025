"""`app/<user>`: the caller's own organizations, and the sessions they take part in."""

from typing import assert_never

from events.commit import Commit, Event
from events.fact import TaskFact
from events.ids import UserId
from events.job import ORGANIZATION_SYNC, JobFact
from events.organization import MemberRemoved, OrganizationEvent
from events.user import (
    AppSessionEnded,
    AppSessionStarted,
    DraftUpdated,
    OrganizationSelected,
    SessionUnreadSet,
    TaskSelected,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserEvent,
)
from projectors.app_organizations import (
    App,
    Person,
    project_organization,
    project_sync,
    select_organization,
    select_task,
)
from projectors.app_sessions import leave, project_task, set_draft, set_unread
from projectors.projection import Projection, View
from projectors.rows import Rows


def project(rows: Rows, event: Event, commit: Commit) -> None:
    if isinstance(event, TaskFact):
        project_task(rows, event, UserId(commit.actor))
    elif isinstance(event, OrganizationEvent):
        project_organization(rows, event)
        if isinstance(event, MemberRemoved):
            leave(rows, event)
    elif isinstance(event, JobFact):
        if event.kind == ORGANIZATION_SYNC:
            project_sync(rows, event)
    elif isinstance(event, UserEvent):
        _project_user(rows, event, commit)


def _project_user(rows: Rows, event: UserEvent, commit: Commit) -> None:
    topic = f"app/{event.user_id}"
    match event:
        case UserCreated(user_id=id, name=name):
            rows.put(topic, "self", id, App(user=Person(id=id, name=name)))
        case OrganizationSelected():
            select_organization(rows, event)
        case TaskSelected():
            select_task(rows, event)
        case SessionUnreadSet():
            set_unread(rows, event)
        case DraftUpdated():
            set_draft(rows, event, commit.at)
        case TokenCreated() | TokenRevoked() | AppSessionStarted() | AppSessionEnded():
            pass
        case _:
            assert_never(event)


APP_SHELL = Projection(
    name="app_shell",
    kinds=frozenset({"user", "organization", "task", "job"}),
    views={"app": View({"organizations": "organization", "sessions": "session"})},
    project=project,
    module=__name__,
)
