"""Facts about a person: who they are, how they prove it, and what they have open (their own view state)."""

from events.fact import Attachment, Fact
from events.ids import OrganizationId, SessionId, TaskId, Timestamp, TokenId, UserId


class UserCreated(Fact, frozen=True, kw_only=True, tag="user_created"):
    user_id: UserId
    name: str


class TokenCreated(Fact, frozen=True, kw_only=True, tag="token_created"):
    """`hash` is the hex SHA-256 of the secret; the secret itself is never stored."""

    user_id: UserId
    token_id: TokenId
    hash: str
    expires_at: Timestamp | None = None


class TokenRevoked(Fact, frozen=True, kw_only=True, tag="token_revoked"):
    user_id: UserId
    token_id: TokenId


class AppSessionStarted(Fact, frozen=True, kw_only=True, tag="app_session_started"):
    """A browser signed in; `hash` is the hex SHA-256 of the secret in its cookie.

    `token_id` is the token it signed in with, and whose end is the end of the app session too; None when
    that was a code.
    """

    user_id: UserId
    app_session_id: str
    hash: str
    expires_at: Timestamp
    token_id: TokenId | None = None


class AppSessionEnded(Fact, frozen=True, kw_only=True, tag="app_session_ended"):
    user_id: UserId
    app_session_id: str


class OrganizationSelected(Fact, frozen=True, kw_only=True, tag="organization_selected"):
    user_id: UserId
    organization_id: OrganizationId


class TaskSelected(Fact, frozen=True, kw_only=True, tag="task_selected"):
    user_id: UserId
    organization_id: OrganizationId
    task_id: TaskId


class SessionUnreadSet(Fact, frozen=True, kw_only=True, tag="session_unread_set"):
    user_id: UserId
    organization_id: OrganizationId
    task_id: TaskId
    session_id: SessionId
    unread: bool


class DraftUpdated(Fact, frozen=True, kw_only=True, tag="draft_updated"):
    user_id: UserId
    organization_id: OrganizationId
    task_id: TaskId
    session_id: SessionId
    text: str
    attachments: tuple[Attachment, ...] = ()


UserEvent = (
    UserCreated
    | TokenCreated
    | TokenRevoked
    | AppSessionStarted
    | AppSessionEnded
    | OrganizationSelected
    | TaskSelected
    | SessionUnreadSet
    | DraftUpdated
)
