"""The subscription manager: topics kept current over one stream, commands, and why each view changed."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from foundry_client.conductor import Conductor
from foundry_client.effects import Status, Why
from foundry_client.happenings import (
    Live,
    Refresh,
    SignIn,
    Unauthenticated,
    View,
    Wake,
)
from foundry_client.listening import Hearer, Newest, Word
from foundry_client.patience import WORTH_ANOTHER_TRY, problem_in, until_answered
from foundry_client.problem import Problem
from foundry_client.reaching import reach
from foundry_client.server import LIMITS, Accepted, Answer, Server
from foundry_client.subscription import Listener, Subscription
from foundry_client.transport import moment
from foundry_client.turn import Options

COMMAND_SECONDS = 60.0
AT_LEAST_SECONDS = 10.0


class Foundry:
    """`async with Foundry(url, token=…)`, or `await close()`; to be used inside one event loop.

    `live` is `on` or `bootstrap-only`, for all views or by the first word of their topics. `http` brings
    its own cookies, certificates and proxies, and is left open. Raises `ValueError` for an address or a
    token that no request can be made with.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        live: Live | Mapping[str, Live] = "on",
        grace_ms: int = 30_000,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._live = live
        self._http = http or httpx.AsyncClient(limits=LIMITS)
        self._owns_http = http is None
        self._server = Server(self._http, url, token)
        self._conductor = Conductor(self._server, Options(grace_ms))
        self._newest: set[Newest] = set()
        self._commands = 0
        self._command_retries = 0

    # --- Watching ---

    def subscribe(
        self,
        topic: str,
        listener: Listener | None = None,
        *,
        live: Live | None = None,
        view: View | None = None,
    ) -> Subscription:
        """Keep a topic current until the subscription is closed.

        `listener` is told what is held and why, as soon as there is something and at each change, and never
        before this returns. `view` is one kept from before, to go on from.
        """
        return self._conductor.subscribe(topic, listener, live or self._live_of(topic), view)

    async def watch(
        self, topic: str, *, live: Live | None = None
    ) -> AsyncGenerator[tuple[View | None, Why], None]:
        """Each newest view of a topic, until it cannot be had any more (then None, once) or the manager is closed."""
        newest = Newest()
        self._newest.add(newest)
        try:
            with closing(self.subscribe(topic, newest.put, live=live)):
                while news := await newest.get():
                    yield news
                    if news[0] is None:
                        return
        finally:
            self._newest.discard(newest)

    def refresh(self, topic: str | None = None) -> None:
        """Read a topic now, or all that are not streamed."""
        self._conductor.happen(Refresh(topic=topic, **moment()))

    # --- Ordering ---

    async def command(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        if_match: View | int | str | None = None,
        within: float = COMMAND_SECONDS,
    ) -> Accepted:
        """Send a command, under one key however often it takes. Raises `Problem` when it is refused.

        `if_match` is a view, a position or an ETag: refused if a command changed the aggregate after it.
        """
        self._commands += 1
        command_id = key or str(uuid.uuid4())

        async def ask() -> Answer:
            return await self._server.command(
                name, data or {}, key=command_id, if_match=_condition(if_match)
            )

        answer = await self._conductor.unless_closed(
            until_answered(
                ask, within=within, is_worth_another=_is_worth_another, retried=self._retried
            )
        )
        if answer.status == 401:
            self._conductor.happen(Unauthenticated(detail=answer.detail, **moment()))
        if not 200 <= answer.status < 300:
            raise problem_in(answer, key=command_id)
        accepted: Accepted = answer.body
        self._conductor.happen(
            Refresh(topic=None, at_least=accepted.position, cause="command", **moment())
        )
        return accepted

    async def at_least(
        self, position: int, topic: str | None = None, *, within: float = AT_LEAST_SECONDS
    ) -> None:
        """Wait until a topic, or every one that is subscribed, shows what was stored at a position.

        Raises `Problem` when that does not happen within so many seconds.
        """
        await self._conductor.unless_closed(self._reach(topic, position, within))

    # --- Looking inside ---

    @property
    def state(self) -> Status:
        return self._conductor.state

    @property
    def ledger(self) -> Sequence[Why]:
        """Why views changed, the last thousand times, oldest first."""
        return self._conductor.ledger

    @property
    def counters(self) -> dict[str, Any]:
        return {
            **msgspec.structs.asdict(self._conductor.counters),
            "subscriptions": self._conductor.listeners,
            "commands": self._commands,
            "command_retries": self._command_retries,
        }

    def on(self, word: Word, hearer: Hearer) -> Callable[[], None]:
        """Hear of every `state`, `ledger` entry, `problem` or `log` line; the answer ends that."""
        return self._conductor.hearers.add(word, hearer)

    # --- Going on, and ending ---

    def signed_in(self, token: str | None = None) -> None:
        """Go on after `needs_auth`, with a new token or with the cookies there are now."""
        if token is not None:
            self._server.token = token
        self._conductor.happen(SignIn(**moment()))

    def retry(self) -> None:
        """Try now: the network came back, the machine woke up, or there is an identity again."""
        if self.state == "needs_auth":
            self.signed_in()
        else:
            self._conductor.happen(Wake(**moment()))

    async def close(self) -> None:
        """No task, timer or connection is left afterwards."""
        await self._conductor.close()
        for newest in self._newest:
            newest.end()
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # --- Small steps ---

    async def _reach(self, topic: str | None, position: int, within: float) -> None:
        if topic is not None:
            await reach(self._conductor, self._server, topic, position, within=within)
            return
        topics = self._conductor.obtainable
        reaching = [
            asyncio.create_task(self._reach_if_there(each, position, within)) for each in topics
        ]
        try:
            await asyncio.gather(*reaching)
        finally:
            for task in reaching:
                task.cancel()
            await asyncio.gather(*reaching, return_exceptions=True)

    async def _reach_if_there(self, topic: str, position: int, within: float) -> None:
        try:
            await reach(self._conductor, self._server, topic, position, within=within)
        except Problem as problem:
            # What is watched may be gone at that position, which is an answer too.
            if problem.status != 404:
                raise

    def _live_of(self, topic: str) -> Live:
        if isinstance(self._live, str):
            return self._live
        return self._live.get(topic.partition("/")[0], "on")

    def _retried(self) -> None:
        self._command_retries += 1


def _is_worth_another(answer: Answer) -> bool:
    conflict = answer.status == 409 and answer.code == "conflict"
    return conflict or answer.status in WORTH_ANOTHER_TRY


def _condition(if_match: View | int | str | None) -> str | None:
    """What `If-Match` says: a position, or an ETag, which has quotes."""
    if if_match is None or if_match == "*":
        return if_match
    text = if_match.tag if isinstance(if_match, View) else str(if_match)
    return text if text.isdecimal() or '"' in text else f'"{text}"'
