"""Commands about people: their names and tokens, and what each has open. All commit to a user's own history."""

from typing import assert_never

from msgspec.structs import replace

from commands.answers import Answer
from commands.context import Context
from commands.credentials import OWNER, new_token, secret_hash
from commands.deciding import Deciding
from commands.drafts import DraftPace
from commands.lookup import Lookup
from commands.refusals import chosen_id, no_such
from commands.request import Request
from commands.user import USER
from commands.user_commands import (
    CreateToken,
    CreateUser,
    RevokeToken,
    SelectOrganization,
    SelectTask,
    SetUnread,
    UpdateDraft,
    UserCommand,
)
from commands.user_state import UserState
from events.ids import TokenId, UserId
from events.store import EventStore
from events.user import TokenCreated
from runtime.problems import Forbidden


class UserHandler:
    """Answers commands about people, after a look whether the caller may give them.

    The first owner, and the owners and admins of any organization, may add people. The first owner may make
    tokens for others. What is left everybody may do for themselves.
    """

    def __init__(
        self,
        store: EventStore,
        lookup: Lookup,
        deciding: Deciding,
        drafts: DraftPace,
    ) -> None:
        self._store = store
        self._lookup = lookup
        self._deciding = deciding
        self._drafts = drafts

    async def answer(self, request: Request, command: UserCommand, base: Context) -> Answer:
        caller = request.user_id
        match command:
            case CreateUser():
                user_id = chosen_id(command.user_id, base.id("usr"), prefix="usr")
                if caller != OWNER and not await self._lookup.administers_one(caller):
                    raise Forbidden(
                        "Only the first owner, and owners and admins of organizations, may add people."
                    )
            case CreateToken():
                user_id = command.user_id or caller
                if user_id != caller and caller != OWNER:
                    raise Forbidden(
                        "Only the first owner may make tokens for other people; ask them."
                    )
                if await self._lookup.user(user_id) is None:
                    raise no_such("user")
                return await self._create_token(request, command, user_id, base)
            case RevokeToken():
                user_id = await self._holder(command, request)
            case SelectOrganization() | SelectTask() | SetUnread() | UpdateDraft():
                user_id = caller
            case _:
                assert_never(command)
        if isinstance(command, UpdateDraft):
            newest = await self._drafts.newest(caller, command.session_id)
            base = replace(base, superseded=not newest)

        async def prepare(state: UserState) -> Context:
            match command:
                case SelectOrganization(organization_id=named):
                    organization = await self._lookup.organization(
                        named, caller, noun="organization"
                    )
                    return replace(base, organization=organization)
                case SelectTask() | SetUnread() | UpdateDraft():
                    task, organization = await self._lookup.task_and_organization(
                        command.task_id, caller
                    )
                    return replace(base, task=task, organization=organization)
                case CreateUser() | CreateToken() | RevokeToken():
                    return base
                case _:
                    assert_never(command)

        return await self._deciding.decide(USER, user_id, command, request, prepare)

    async def _create_token(
        self, request: Request, command: CreateToken, user_id: str, base: Context
    ) -> Answer:
        secret = new_token(UserId(user_id))
        context = replace(base, secret_hash=secret_hash(secret))

        async def prepare(state: UserState) -> Context:
            return context

        answer = await self._deciding.decide(USER, user_id, command, request, prepare)
        stored = await self._store.at(answer.position)
        # The same request on another node at the same moment may have been the one that was stored.
        if stored is not None and any(
            isinstance(event, TokenCreated) and event.hash == context.secret_hash
            for event in stored.commit.events
        ):
            return replace(answer, secret=secret)
        return answer

    async def _holder(self, command: RevokeToken, request: Request) -> str:
        own = await self._lookup.user(request.user_id)
        if own is not None and TokenId(command.token_id) in own.tokens:
            return own.user_id
        located = await self._lookup.located(command.token_id, "tok", "token")
        if request.user_id not in (OWNER, located.aggregate_id):
            raise no_such("token")
        return located.aggregate_id
