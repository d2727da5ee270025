"""What decisions about a person need: their credentials, and what they have open."""

from typing import Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from commands.decider import Absent
from events.ids import OrganizationId, Position, SessionId, Timestamp, TokenId, UserId

MAX_APP_SESSIONS = 1000
"""At most this many of one user: each is compared with every cookie that comes. The oldest are signed out."""


class Credential(Struct, frozen=True, kw_only=True):
    """A token or an app session. `hash` is the hex SHA-256 of its secret, `token_id` what an app session ends with."""

    hash: str
    expires_at: Timestamp | None
    revoked: bool = False
    token_id: TokenId | None = None

    def holds(self, now: Timestamp) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)


class UnreadMark(Struct, frozen=True, kw_only=True):
    unread: bool
    position: Position


class Draft(Struct, frozen=True, kw_only=True):
    """`digest` stands for text and attachments, which nothing else decides on."""

    digest: bytes
    position: Position


class Choice(Struct, frozen=True, kw_only=True):
    """What somebody selected, and where that stands: it is over once they left the organization."""

    id: str
    position: Position


class User(Struct, frozen=True, kw_only=True):
    user_id: UserId
    name: str
    tokens: dict[TokenId, Credential] = {}
    app_sessions: dict[str, Credential] = {}
    active_organization: Choice | None = None
    selected: dict[OrganizationId, Choice] = {}
    unread: dict[SessionId, UnreadMark] = {}
    drafts: dict[SessionId, Draft] = {}

    def credential(self, credential_id: str) -> Credential | None:
        """The token or app session of this id."""
        return self.tokens.get(TokenId(credential_id)) or self.app_sessions.get(credential_id)

    def signed_in(self, app_session_id: str, cookie: Credential, at: Timestamp) -> Self:
        """The user with one more app session, and without those that expired; the oldest go if there are too many.

        Only the oldest are looked at, as all live equally long but those of tokens that end sooner.
        """
        kept = {**self.app_sessions, app_session_id: cookie}
        while kept:
            oldest = next(iter(kept))
            if len(kept) <= MAX_APP_SESSIONS and kept[oldest].holds(at):
                break
            del kept[oldest]
        return replace(self, app_sessions=kept)


UserState: TypeAlias = Absent | User
