"""The gateway: `GET` and `POST /v1/stream`, and `POST /v1/stream/{sid}/interest`, as one raw ASGI application."""

import asyncio
import logging
import random
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from events.ids import Position
from gateway import frames
from gateway.budget import Budget
from gateway.connection import Connection
from gateway.drain import send_away
from gateway.ending import EndCode
from gateway.heartbeats import Heartbeats
from gateway.hub import Hub
from gateway.interest import InterestRouter
from gateway.origins import Origins
from gateway.relay import Relay
from gateway.requests import Opening, read_interest, read_opening
from gateway.source import Source
from gateway.transport import wire_of
from gateway.wire import Wire
from projectors.views import Views
from runtime.errors import FoundryError, Unavailable
from runtime.http import Authenticator, JsonResponse, body_patience
from runtime.identity import Access, Caller
from runtime.lifecycle import Gate
from runtime.metrics import STREAMS, STREAMS_ENDED, STREAMS_OPENED
from runtime.problems import HANDLERS, TooManyRequests
from runtime.shares import Shares

log = logging.getLogger(__name__)

HEAD = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
WAITING_BYTES = 128 * 1024
"""How many bytes may wait for one reader here; the kernel keeps as many again."""

READS = 16
"""At most this many topics are read at once for streams that begin or catch up."""

CLOSING_SECONDS = 5.0
LEAST_SECONDS = 0.5
"""A drain without time has this much: else its streams would end without a `bye`."""

TURNED_AWAY_MS = (1000, 5000)

_PATH = re.compile(r"/v1/stream(?:/(?P<sid>[^/]+)/interest)?/?")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class _Full(Unavailable):
    """The node carries as many streams as it may."""


class Gateway:
    """Streams of one node. `run` must be running, or nobody gets a heartbeat; times are seconds."""

    def __init__(
        self,
        views: Views,
        access: Access,
        *,
        node: str,
        lag_ms: Callable[[], int],
        head: Callable[[], Awaitable[Position]],
        relay: Relay | None = None,
        allowed_origins: Sequence[str] = (),
        heartbeat_seconds: float = 15.0,
        stall_seconds: float = 20.0,
        behind_seconds: float = 5.0,
        read_seconds: float = 20.0,
        retry_ms: int = 2000,
        max_streams: int = 20_000,
        max_streams_each: int = 10_000,
        max_large_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self.node = _UNSAFE.sub("-", node)
        # Two nodes may listen on addresses of the same name, and a restarted one has none of its old streams.
        self._instance = f"{self.node}-{secrets.token_hex(4)}"
        self._views = views
        self._hub = Hub(views, lag_ms=lag_ms, most_bytes=WAITING_BYTES)
        self._source = Source(
            views=views,
            access=access,
            hub=self._hub,
            reads=asyncio.Semaphore(READS),
            budget=Budget(max_large_bytes),
            max_waiting_bytes=WAITING_BYTES,
            head=head,
            behind_seconds=behind_seconds,
            read_seconds=read_seconds,
        )
        self._heartbeat_ms = round(heartbeat_seconds * 1000)
        self._heartbeats = Heartbeats(self._source, period=heartbeat_seconds, stall=stall_seconds)
        self._authenticator = Authenticator(access, allowed_origins=allowed_origins)
        self._origins = Origins(allowed_origins)
        self._streams: dict[str, Connection] = {}
        self._empty = asyncio.Event()
        self._interests = InterestRouter(self._instance, self._streams, relay)
        self._patience = body_patience()
        self._retry_ms = retry_ms
        self._max_streams = max_streams
        self._shares = Shares("streams of one person", each=max_streams_each)
        self._gate = Gate("gateway")

    @property
    def streams(self) -> Collection[Connection]:
        """The streams open now."""
        return self._streams.values()

    async def run(self) -> None:
        """Heartbeats, checks and requests of other nodes. Cancel it after `drain`, never before."""
        try:
            async with self._interests.serving():
                await self._heartbeats.run()
        finally:
            self._hub.close()

    async def drain(self, deadline: float) -> None:
        """Admit nobody any more and end every stream, the last one by `deadline` (event loop time), or a moment later."""
        loop = asyncio.get_running_loop()
        deadline = max(deadline, loop.time() + LEAST_SECONDS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gate.drain(deadline), name="gateway gate")
            await asyncio.sleep(0)
            if self._streams:
                self._empty.clear()
                await send_away(
                    list(self._streams.values()), self._empty, seconds=deadline - loop.time()
                )
            if self._streams:
                await self._last_moments(deadline)

    async def _last_moments(self, deadline: float) -> None:
        # Those who take no bytes get no bye; a moment is left for uvicorn to notice.
        try:
            async with asyncio.timeout_at(deadline - 0.2):
                await self._empty.wait()
        except TimeoutError:
            for connection in self._streams.values():
                connection.give_up()

    # --- Requests ---

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # While a stream lasts nothing is kept of what it was asked with, and few calls stand open.
        send = self._origins.allowing(Request(scope), send)
        try:
            response = await self._answer(Request(scope, receive))
            if response is None:
                await self._stream(*await self._asked(scope, receive, send))
                return
        except (FoundryError, HTTPException) as error:
            if isinstance(error, Unavailable) and scope["method"] == "GET":
                await self._turn_away(self._wire(scope, receive, send), error)
                return
            family = FoundryError if isinstance(error, FoundryError) else HTTPException
            response = await HANDLERS[family](Request(scope, receive), error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """The answer to a request; None for one that asks for a stream."""
        scope = request.scope
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            raise HTTPException(404)
        sid = match["sid"]
        allowed = ("POST",) if sid else ("GET", "POST")
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(("OPTIONS", *allowed))})
        if scope["method"] not in allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        if sid:
            caller = await self._authenticator.caller(request)
            revision = await self._interests.interest(
                sid, caller, await read_interest(request, self._patience)
            )
            return JsonResponse({"revision": revision}, status_code=202)
        return None

    async def _asked(
        self, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Caller, Opening, Wire]:
        request = Request(scope, receive)
        caller = await self._authenticator.caller(request)
        opening = await read_opening(request, self._views, caller.user_id, self._patience)
        return caller, opening, self._wire(scope, receive, send)

    def _wire(self, scope: Scope, receive: Receive, send: Send) -> Wire:
        return wire_of(scope, receive, send, most_bytes=WAITING_BYTES)

    async def _stream(self, caller: Caller, opening: Opening, wire: Wire) -> None:
        async with self._gate.work("stream"):
            if len(self._streams) >= self._max_streams:
                raise _Full("This node carries as many streams as it can; try again.")
            connection = Connection(
                f"{self._instance}.{secrets.token_hex(10)}", caller, wire, self._source
            )
            self._remember(connection)
            STREAMS_OPENED.labels("resume" if opening.resumes else "bootstrap").inc()
            code: EndCode | None = None
            try:
                await wire.start(HEAD, connection)
                self._greet(connection)
                connection.open(opening.topics)
                not_before = opening.not_before
                del opening
                ended = await connection.run(not_before=not_before)
                await wire.finish(within=CLOSING_SECONDS)
                code = ended.code
            finally:
                if code is None:
                    wire.abort()
                self._forget(connection, code or "closed")

    def _greet(self, connection: Connection) -> None:
        hello = frames.hello(sid=connection.sid, node=self.node, heartbeat_ms=self._heartbeat_ms)
        connection.wire.write(frames.retry_line(self._retry_ms))
        connection.wire.send((hello,), b"")

    def _remember(self, connection: Connection) -> None:
        self._shares.take(connection.caller.user_id)
        self._streams[connection.sid] = connection
        self._heartbeats.add(connection)
        STREAMS.set(len(self._streams))

    def _forget(self, connection: Connection, code: EndCode) -> None:
        del self._streams[connection.sid]
        self._shares.give(connection.caller.user_id)
        self._heartbeats.remove(connection)
        if not self._streams:
            self._empty.set()
        STREAMS.set(len(self._streams))
        STREAMS_ENDED.labels(code).inc()
        log.info(
            "stream ended",
            extra={"sid": connection.sid, "code": code, "user_id": connection.caller.user_id},
        )

    async def _turn_away(self, wire: Wire, refusal: Unavailable) -> None:
        """Refuse a stream with a 200 that ends: a native EventSource comes back after that, and never after a 503."""
        code: EndCode = "draining" if refusal.code == "draining" else "unavailable"
        if isinstance(refusal, TooManyRequests | _Full):
            code = "capacity"
        await wire.start(HEAD, None)
        wire.write(frames.retry_line(random.randint(*TURNED_AWAY_MS)))
        wire.send((frames.bye(code=code, detail=refusal.detail, retry=True),), b"")
        await wire.finish(within=CLOSING_SECONDS)
        STREAMS_ENDED.labels(code).inc()
