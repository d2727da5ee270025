"""One way between two parts: a TCP proxy on a port of its own that can behave as badly as a network does."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, assert_never

from chaos.faults import Trouble

CHUNK = 16 * 1024
BUFFER = 16 * 1024
DELAY_SECONDS = 0.3
MEMORY = 512
"""Bytes of the last piece that are looked at again, so that what is waited for may come in two."""

Direction = Literal["up", "down"]
Target = tuple[str, int]


class Way:
    """One direction: what it does with the bytes it is given."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.delay = 0.0
        self.losing = False

    def heal(self) -> None:
        self.free.set()
        self.delay = 0.0
        self.losing = False


class Trap:
    """Waits for bytes that match on the way; what comes behind them, or they too, stays in the proxy."""

    def __init__(self, pattern: re.Pattern[bytes], direction: Direction, *, passes: bool) -> None:
        self.pattern = pattern
        self.direction = direction
        self.passes = passes
        self.sprung = asyncio.Event()


class Link:
    """Carries each connection to the next of its targets that takes it; made by `link`."""

    def __init__(self, *targets: Target, narrow: bool) -> None:
        self._targets = targets
        self._begun = 0
        self._narrow = narrow
        self._ways: dict[Direction, Way] = {"up": Way(), "down": Way()}
        self._half_open = False
        self._trap: Trap | None = None
        self._carried: dict[asyncio.Task[None], Callable[[], None]] = {}
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def trouble(self, kind: Trouble, seconds: float) -> None:
        """Misbehave for so long, then be well again."""
        match kind:
            case "stall":
                self._hold("up", "down")
            case "one_way_up":
                self._hold("up")
            case "one_way_down":
                self._hold("down")
            case "delay":
                for way in self._ways.values():
                    way.delay = DELAY_SECONDS
            case "reset":
                self.reset()
            case "lost_answers":
                self._ways["down"].losing = True
            case "half_open":
                self._half_open = True
                self.reset(towards="server")
            case _:
                assert_never(kind)
        if kind != "reset":
            await asyncio.sleep(seconds)
        self.heal()
        if kind in ("lost_answers", "half_open"):
            # TCP never carries on behind bytes that are missing.
            self.reset()

    def heal(self) -> None:
        self._trap = None
        self._half_open = False
        for way in self._ways.values():
            way.heal()

    def reset(self, *, towards: Literal["server", "both"] = "both") -> None:
        """Break what is open now: the ends get RST, or only the server does and the client hears nothing."""
        for carried, break_server in tuple(self._carried.items()):
            break_server()
            if towards == "both":
                carried.cancel()

    def arm(self, trap: Trap) -> None:
        self._trap = trap

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._narrow_down(writer)
        carried = asyncio.create_task(self._carry(reader, writer))
        self._carried[carried] = lambda: None
        carried.add_done_callback(lambda done: self._carried.pop(done, None))
        # Also for a task that was cancelled before it took its first step.
        carried.add_done_callback(lambda done: _reset(writer) if done.cancelled() else None)

    async def close(self) -> None:
        carried = tuple(self._carried)
        for one in carried:
            one.cancel()
        if carried:
            await asyncio.wait(carried)

    def _hold(self, *directions: Direction) -> None:
        for direction in directions:
            self._ways[direction].free.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._half_open:
            # Somebody's machine took the connection, and nobody is there.
            await asyncio.Event().wait()
        connected = await self._connected()
        if connected is None:
            _reset(writer)
            return
        server_reader, server_writer = connected
        self._narrow_down(server_writer)
        here = asyncio.current_task()
        assert here is not None
        self._carried[here] = lambda: _reset(server_writer)
        ways = [
            asyncio.create_task(self._one_way("up", reader, server_writer)),
            asyncio.create_task(self._one_way("down", server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self._half_open:
                await asyncio.Event().wait()
            # The first that ended has handed on all it had: an end of one way is an end of both.
            writer.close()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            _reset(server_writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self._begun += 1
        first = self._begun % len(self._targets)
        for target in (*self._targets[first:], *self._targets[:first]):
            try:
                return await asyncio.open_connection(*target, limit=BUFFER)
            except OSError:
                continue
        return None

    def _narrow_down(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=BUFFER)
        if self._narrow:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

    async def _one_way(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        way = self._ways[direction]
        before = b""
        try:
            while data := await reader.read(CHUNK):
                trap = self._trap
                if trap is not None and trap.direction == direction:
                    if trap.pattern.search(before + data):
                        await self._spring(trap, writer, data)
                        continue
                    before = data[-MEMORY:]
                await self._pass_on(way, writer, data)
        except OSError:
            return

    async def _spring(self, trap: Trap, writer: asyncio.StreamWriter, data: bytes) -> None:
        self._trap = None
        if trap.passes:
            self._hold("down")
            writer.write(data)
            trap.sprung.set()
            await writer.drain()
        else:
            self._hold("up", "down")
            trap.sprung.set()

    async def _pass_on(self, way: Way, writer: asyncio.StreamWriter, data: bytes) -> None:
        if way.delay:
            await asyncio.sleep(way.delay)
        await way.free.wait()
        if not way.losing:
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of an orderly end."""
    connection: socket.socket = writer.get_extra_info("socket")
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def link(host: str, *ports: int, narrow: bool = False) -> AsyncIterator[Link]:
    """A way to a server that may come and go, or to whichever of several.

    On a narrow one a reader who stands still is soon felt at the other end, and not hidden by the
    kernel's buffers; what is large takes its time there.
    """
    carrying = Link(*((host, port) for port in ports), narrow=narrow)
    server = await asyncio.start_server(carrying.accept, "127.0.0.1", 0, limit=BUFFER)
    carrying.port = server.sockets[0].getsockname()[1]
    try:
        yield carrying
    finally:
        server.close()
        await carrying.close()
        await server.wait_closed()
