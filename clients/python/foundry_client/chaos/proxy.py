"""The proxy: one connection after another is served from a source, each stream under the next fault of its plan.

The plan may stand in the address: `http://127.0.0.1:7799/~cut@117` is a world of its own, with its own
plan and, for a recording, its own playing of it. So clients of all offsets can run side by side.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

from foundry_client.chaos.damage import Action, Damage, Leave, Send, Wait
from foundry_client.chaos.faults import Answer, AtByte, BadPlan, Fault, parse_plan
from foundry_client.chaos.http import MAX_HEAD, Answering, BadRequest, Request, read_request
from foundry_client.chaos.sources import Away, Reply, Source

Tap = Callable[[bytes], None]
"""Is shown the bytes of an answer as the source sent them."""

CREDENTIALS = ("authorization", "cookie")


class World:
    """One plan at work: the faults that are still to come, and what stands behind."""

    def __init__(self, plan: list[Fault], source: Source) -> None:
        self.source = source
        self._faults: Iterator[Fault] = iter(plan)

    def next_fault(self) -> Fault | None:
        return next(self._faults, None)


class Done:
    """What the proxy did, for its report."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.streams = 0
        self.open_streams = 0
        self.most_open_streams = 0
        self.bytes = 0
        self.faults: Counter[str] = Counter()
        self.worlds: set[str] = set()

    def stream_opened(self) -> None:
        self.streams += 1
        self.open_streams += 1
        self.most_open_streams = max(self.most_open_streams, self.open_streams)

    def report(self) -> dict[str, object]:
        return {**vars(self), "faults": dict(self.faults), "worlds": len(self.worlds)}


class ChaosProxy:
    """`source` makes what stands behind a world; `delay` is the seconds of a `delay` fault.

    `tap` makes what is shown a stream, `tap_views` is shown each view that was read; `local` answers the
    requests that are for the proxy itself. `credentials` are those of the newest request that had some.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        *,
        plan: str = "",
        delay: float = 0.2,
        tap: Callable[[], Tap] = lambda: lambda _: None,
        tap_views: Tap = lambda _: None,
        local: Callable[[Request], bytes | None] = lambda _: None,
    ) -> None:
        self.done = Done()
        self._source = source
        self._plan = plan
        self._delay = delay
        self.credentials: dict[str, str] = {}
        self._tap = tap
        self._tap_views = tap_views
        self._local = local
        self._worlds: dict[str, World] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
        """Serve until the server that is returned is closed, and `close` was awaited."""
        return await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD)

    async def close(self) -> None:
        """End every connection."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.done.connections += 1
        serving = asyncio.create_task(self._serve(reader, writer), name="chaos connection")
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering = Answering(writer)
        try:
            while request := await read_request(reader):
                self.done.requests += 1
                if not await self._answer(request, reader, answering):
                    break
        except BadRequest as error:
            await answering.problem(400, "malformed", str(error))
        except ConnectionError:
            pass  # The client left, or was cut off: both are what this proxy is for.
        finally:
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, answering: Answering
    ) -> bool:
        """Whether the connection can take another request."""
        plan, path = self._parted(request.target)
        if shown := {
            name: request.headers[name] for name in CREDENTIALS if name in request.headers
        }:
            self.credentials = shown
        local = self._local(request)
        if local is not None:
            await answering.whole(200, local)
            return True
        try:
            world = self._world(plan)
        except BadPlan as error:
            await answering.problem(400, "malformed", str(error))
            return True
        fault = world.next_fault() if _opens_stream(request, path) else None
        if isinstance(fault, Answer):
            self.done.faults[fault.name] += 1
            detail = "Chaos: not this time."
            await answering.problem(fault.status, "chaos", detail, _retry_after(fault.status))
            return True
        try:
            async with world.source.ask(request, path) as reply:
                if not reply.headers.get("content-type", "").startswith("text/event-stream"):
                    body = b"".join([piece async for piece in reply.body])
                    if reply.status == 200 and path.startswith("/v1/views/"):
                        self._tap_views(body)
                    await answering.whole(reply.status, body, reply.headers)
                    return True
                await self._stream(world, fault, reply, reader, answering)
        except Away:
            # As if there were no proxy: the connection is refused, or breaks off.
            pass
        return False

    async def _stream(
        self,
        world: World,
        fault: AtByte | None,
        reply: Reply,
        reader: asyncio.StreamReader,
        answering: Answering,
    ) -> None:
        self.done.stream_opened()
        sending = asyncio.ensure_future(self._send(world, Damage(fault), fault, reply, answering))
        leaving = asyncio.ensure_future(reader.read())
        try:
            # A client that leaves is noticed at once, not with the next thing to tell it.
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            self.done.open_streams -= 1

    async def _send(
        self,
        world: World,
        damage: Damage,
        fault: AtByte | None,
        reply: Reply,
        answering: Answering,
    ) -> None:
        await answering.begin(reply.status, reply.headers)
        async for action in _actions(reply.body, damage, self._tap()):
            if fault is not None and damage.done:
                self.done.faults[fault.name] += 1
                fault = None
            match action:
                case Send(data):
                    await answering.piece(data)
                    self.done.bytes += len(data)
                case Wait():
                    await asyncio.sleep(self._delay)
                case Leave(how):
                    world.source.broken()
                    await self._leave(how, answering)
                    return
        await answering.end()

    async def _leave(self, how: str, answering: Answering) -> None:
        if how == "end":
            await answering.end()
        elif how == "reset":
            answering.reset()
        elif how != "cut":
            if how == "half-close":
                answering.half_close()
            # Until the client has had enough of it.
            await asyncio.Event().wait()

    def _world(self, plan: str) -> World:
        if plan not in self._worlds:
            self._worlds[plan] = World(parse_plan(plan.partition(";")[0]), self._source())
            self.done.worlds.add(plan)
        return self._worlds[plan]

    def _parted(self, target: str) -> tuple[str, str]:
        """The plan an address names, else that of the command line; and the rest of it."""
        if not target.startswith("/~"):
            return self._plan, target
        plan, slash, path = target[2:].partition("/")
        return plan.replace("%40", "@").replace("%2C", ",").replace("%3B", ";"), slash + path


async def _actions(body: AsyncIterator[bytes], damage: Damage, tap: Tap) -> AsyncIterator[Action]:
    async for piece in body:
        tap(piece)
        for action in damage.feed(piece):
            yield action


def _opens_stream(request: Request, path: str) -> bool:
    return request.method in ("GET", "POST") and path.partition("?")[0] == "/v1/stream"


def _retry_after(status: int) -> dict[str, str]:
    return {"retry-after": "0"} if status in (429, 503) else {}
