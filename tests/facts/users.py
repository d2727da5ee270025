"""Builders for the facts about people."""

from events.fact import Attachment
from events.ids import OrganizationId, SessionId, TaskId, Timestamp, TokenId, UserId
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
)
from tests.facts.town import ANNA, ORGANIZATION, SESSION, TASK


def user_created(user: UserId = ANNA, name: str = "Anna") -> UserCreated:
    return UserCreated(user_id=user, name=name)


def token_created(user: UserId = ANNA, token: str = "tok_1") -> TokenCreated:
    return TokenCreated(user_id=user, token_id=TokenId(token), hash="00")


def token_revoked(user: UserId = ANNA, token: str = "tok_1") -> TokenRevoked:
    return TokenRevoked(user_id=user, token_id=TokenId(token))


def app_session_started(user: UserId = ANNA) -> AppSessionStarted:
    return AppSessionStarted(
        user_id=user, app_session_id="a1", hash="00", expires_at=Timestamp(10**12)
    )


def app_session_ended(user: UserId = ANNA) -> AppSessionEnded:
    return AppSessionEnded(user_id=user, app_session_id="a1")


def organization_selected(
    user: UserId = ANNA, organization: OrganizationId = ORGANIZATION
) -> OrganizationSelected:
    return OrganizationSelected(user_id=user, organization_id=organization)


def task_selected(user: UserId = ANNA, task: TaskId = TASK) -> TaskSelected:
    return TaskSelected(user_id=user, organization_id=ORGANIZATION, task_id=task)


def session_unread_set(
    user: UserId = ANNA, task: TaskId = TASK, session: SessionId = SESSION, *, unread: bool = True
) -> SessionUnreadSet:
    return SessionUnreadSet(
        user_id=user, organization_id=ORGANIZATION, task_id=task, session_id=session, unread=unread
    )


def draft_updated(
    user: UserId = ANNA,
    task: TaskId = TASK,
    session: SessionId = SESSION,
    *,
    text: str = "half a thought",
    attachments: tuple[Attachment, ...] = (),
) -> DraftUpdated:
    return DraftUpdated(
        user_id=user,
        organization_id=ORGANIZATION,
        task_id=task,
        session_id=session,
        text=text,
        attachments=attachments,
    )
