"""Stands between a worker and its nats-server and stops the worker's world at one commit: just before, or just after it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from tests.nats_process import NatsServer

CHUNK = 64 * 1024
KEPT = 4 * CHUNK


class Cut(NamedTuple):
    """`before`: the commit never arrives. `after`: it is stored, and the worker never hears of that."""

    when: Literal["before", "after"]
    fact: str
    stage: str | None = None

    @property
    def pattern(self) -> re.Pattern[bytes]:
        stage = rf'[^{{}}]*"stage":"{self.stage}"' if self.stage else ""
        return re.compile(f'"type":"{self.fact}"{stage}'.encode())


class LogGate:
    """Carries everything until `cut` matches what the worker publishes; then nothing, until it is armed again."""

    def __init__(self, server: NatsServer) -> None:
        host, _, port = server.url.removeprefix("nats://").rpartition(":")
        self._target = (host, int(port))
        self._server = server
        self._connections: set[asyncio.Task[None]] = set()
        self._cut: Cut | None = None
        self._shut = False
        self._passed = False
        self._reached = asyncio.Event()
        self.url = ""

    def arm(self, cut: Cut | None) -> None:
        """Open, until the next one."""
        self._cut = cut
        self._shut = self._passed = False
        self._reached.clear()

    async def reached(self, within: float) -> None:
        """Wait until the worker stands at the cut."""
        async with asyncio.timeout(within):
            await self._reached.wait()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: writer.transport.abort())

    async def close(self) -> None:
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._to_server(reader, server_writer))
                ways.create_task(self._to_worker(server_reader, writer))
        except* OSError:
            pass
        finally:
            server_writer.transport.abort()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = b""
        while data := await reader.read(CHUNK):
            seen = (seen + data)[-KEPT:]
            cut = self._cut
            if cut is not None and not self._shut and cut.pattern.search(seen):
                self._shut = True
                if cut.when == "after":
                    self._passed = True
                    writer.write(data)
                    await writer.drain()
                else:
                    self._reached.set()
            elif not self._shut:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError

    async def _to_worker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if not self._shut:
                writer.write(data)
                await writer.drain()
            elif self._passed and b'"stream":"EVENTS"' in data.replace(b" ", b""):
                self._reached.set()
        raise ConnectionResetError


@asynccontextmanager
async def log_gate(server: NatsServer) -> AsyncIterator[LogGate]:
    """A gate to this server, on a port of its own."""
    gate = LogGate(server)
    listener = await asyncio.start_server(gate.accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    gate.url = f"nats://{server.user}:{server.password}@127.0.0.1:{port}"
    try:
        yield gate
    finally:
        listener.close()
        await gate.close()
        await listener.wait_closed()
