"""The entry of the write side: finds the aggregate of a command and what its decision needs, and has it decided."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from typing import assert_never

from prometheus_client import Counter, Histogram

from commands.access import AccessControl
from commands.aggregates import Aggregates
from commands.answers import Answer
from commands.catalog import AnyCommand
from commands.context import Context
from commands.deciding import Deciding
from commands.directory import Directory
from commands.drafts import DraftPace
from commands.job import JobCommand
from commands.log import LogCommand
from commands.log_handler import LogHandler
from commands.lookup import Lookup
from commands.organization_commands import OrganizationCommand
from commands.organization_handler import OrganizationHandler
from commands.recent_keys import RecentKeys
from commands.repository import RepositoryCommand
from commands.request import Request, request_of
from commands.task_commands import SendMessage, TaskCommand
from commands.user_commands import UserCommand
from commands.user_handler import UserHandler
from events.addresses import Remote
from events.ids import Timestamp
from events.store import EventStore
from runtime.errors import FoundryError, Unavailable
from runtime.identity import Caller
from runtime.metrics import COMMAND_SECONDS, COMMANDS
from runtime.problems import Unauthenticated
from runtime.shared_timeout import SharedTimeout

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 30.0


class CommandHandler:
    """`now` gives milliseconds since the Unix epoch; agents and sandbox providers are declared by the composition root."""

    def __init__(
        self,
        store: EventStore,
        aggregates: Aggregates,
        directory: Directory,
        access: AccessControl,
        now: Callable[[], Timestamp],
        *,
        read_remote: Callable[[str], Remote],
        known_agents: frozenset[str],
        known_providers: frozenset[str] = frozenset({"local"}),
    ) -> None:
        self._directory = directory
        self._access = access
        self._now = now
        self._known_agents = known_agents
        self._known_providers = known_providers
        self._deciding = Deciding(store, aggregates, now, last_cut=lambda: directory.last_cut)
        self._drafts = DraftPace(now)
        self._keys = RecentKeys()
        self._limit = SharedTimeout(DEADLINE_SECONDS)
        lookup = Lookup(aggregates, directory)
        self._users = UserHandler(store, lookup, self._deciding, self._drafts)
        self._log = LogHandler(store, self._deciding)
        self._organizations = OrganizationHandler(aggregates, lookup, self._deciding, read_remote)

    async def handle(
        self,
        caller: Caller,
        name: str,
        command: AnyCommand,
        *,
        command_id: str | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """The answer to a command; what it says is durable when this returns. Raises one of the errors of `runtime.errors`."""
        request = request_of(caller, name, command, command_id=command_id, if_match=if_match)
        started = time.perf_counter()
        outcome = "failed"
        try:
            with self._limit.begin():
                answer = await self._answer(request, command)
            outcome = "accepted" if answer.events else "unchanged"
        except TimeoutError:
            outcome = "unavailable"
            raise Unavailable(
                "This took too long and may have happened; send it again with the same Idempotency-Key."
            ) from None
        except asyncio.CancelledError:
            # Whoever sent the batch it stands in has gone.
            outcome = "left"
            raise
        except FoundryError as error:
            outcome = "unavailable" if isinstance(error, Unavailable) else error.default_code
            raise
        finally:
            _outcomes(name, outcome).inc()
            _seconds(name).observe(time.perf_counter() - started)
        log.info(
            "command answered",
            extra={
                "command": name,
                "command_id": request.command_id,
                "outcome": outcome,
                "position": answer.position,
                "user_id": caller.user_id,
            },
        )
        return answer

    async def _answer(self, request: Request, command: AnyCommand) -> Answer:
        if not await self._access.surely_valid(request.caller):
            raise Unauthenticated("This credential is no longer valid; sign in again.")
        if request.new:
            return await self._remembered(request, command)
        async with self._keys.lock(request.key):
            # Also finds a key that was used for another aggregate, which that aggregate cannot know.
            known = self._keys.position(request.key) or self._directory.key_position(request.key)
            if known and (repeated := await self._deciding.repeated(known, request)):
                return repeated
            return await self._remembered(request, command)

    async def _remembered(self, request: Request, command: AnyCommand) -> Answer:
        """The answer to what was not sent before. Whoever got no key learns it from the answer, and may use it then."""
        answer = await self._decided(request, command)
        if answer.events:
            known = self._directory.checkpoint
            self._keys.made(request.key, answer.position, known=known)
        return answer

    async def _decided(self, request: Request, command: AnyCommand) -> Answer:
        context = self._context(request)
        if isinstance(command, UserCommand):
            return await self._users.answer(request, command, context)
        if isinstance(command, OrganizationCommand):
            return await self._organizations.organization(request, command, context)
        if isinstance(command, RepositoryCommand):
            return await self._organizations.repository(request, command, context)
        if isinstance(command, TaskCommand):
            answer = await self._organizations.task(request, command, context)
            if isinstance(command, SendMessage) and answer.events:
                self._drafts.supersede(request.user_id, command.session_id)
            return answer
        if isinstance(command, JobCommand):
            return await self._organizations.job(request, command, context)
        if isinstance(command, LogCommand):
            return await self._log.answer(request, command, context)
        assert_never(command)

    def _context(self, request: Request) -> Context:
        return Context(
            now=self._now(),
            actor=request.user_id,
            actor_name=request.caller.name,
            command_name=request.name,
            command_id=request.command_id,
            known_agents=self._known_agents,
            known_providers=self._known_providers,
        )


@cache
def _outcomes(name: str, outcome: str) -> Counter:
    """Cached: finding the counter of a pair of labels takes longer than counting."""
    return COMMANDS.labels(name, outcome)


@cache
def _seconds(name: str) -> Histogram:
    return COMMAND_SECONDS.labels(name)
