"""Answers who is asking and what they may see, from the write side's own state (docs/protocol.md, "Who is asking")."""

from collections.abc import Callable

from commands.aggregates import Aggregates
from commands.credentials import SECRET_LIMIT, matching, possible_users
from commands.directory import Directory
from commands.organization import ORGANIZATION
from commands.organization_state import Organization, OrganizationState
from commands.user import USER
from commands.user_state import User, UserState
from events.ids import Timestamp, is_id
from events.topics import names_a_topic
from runtime.identity import Caller


class AccessControl:
    """Implements `runtime.identity.Access`. Reads use cached state, which the tail keeps fresh; commands confirm it at the head, and so is a refusal."""

    def __init__(
        self, aggregates: Aggregates, directory: Directory, now: Callable[[], Timestamp]
    ) -> None:
        self._aggregates = aggregates
        self._directory = directory
        self._now = now

    async def identify(self, secret: str) -> Caller | None:
        """The caller whose token or cookie this is; None when it is unknown, expired or revoked."""
        if len(secret) > SECRET_LIMIT:
            return None
        for user_id in possible_users(secret):
            state = (await self._aggregates.load(USER, user_id)).state
            caller = self._caller(state, secret)
            if caller is None and matching(state, secret) is None:
                # It may have been made on another node a moment ago.
                caller = self._caller(
                    (await self._aggregates.confirmed(USER, user_id)).state, secret
                )
            if caller is not None:
                return caller
        return None

    async def still_valid(self, caller: Caller) -> bool:
        loaded = await self._aggregates.load(USER, caller.user_id)
        return self._holds(loaded.state, caller)

    async def surely_valid(self, caller: Caller) -> bool:
        """Whether the caller's credential still holds, read at the head: a command comes after every revocation."""
        loaded = await self._aggregates.confirmed(USER, caller.user_id)
        return self._holds(loaded.state, caller)

    async def organization_of(self, topic: str) -> str | None:
        """The organization a topic belongs to; None when there is no such thing, and for `app`."""
        kind, _, thing_id = topic.partition("/")
        if not names_a_topic(kind, thing_id):
            return None
        located = await self._directory.locate(thing_id)
        return located.organization_id if located else None

    async def is_member(self, caller: Caller, organization_id: str) -> bool:
        if not is_id(organization_id, "org"):
            return False
        state = (await self._aggregates.load(ORGANIZATION, organization_id)).state
        if _belongs(caller, state):
            return True
        # Somebody may have been added on another node a moment ago.
        confirmed = await self._aggregates.confirmed(ORGANIZATION, organization_id)
        return _belongs(caller, confirmed.state)

    def _caller(self, state: UserState, secret: str) -> Caller | None:
        found = matching(state, secret)
        if found is None or not isinstance(state, User):
            return None
        credential_id, credential = found
        if not credential.holds(self._now()):
            return None
        return Caller(user_id=state.user_id, name=state.name, credential_id=credential_id)

    def _holds(self, state: UserState, caller: Caller) -> bool:
        if not isinstance(state, User):
            return False
        credential = state.credential(caller.credential_id)
        return credential is not None and credential.holds(self._now())


def _belongs(caller: Caller, state: OrganizationState) -> bool:
    return isinstance(state, Organization) and caller.user_id in state.members
