"""Stands between a worker and its nats-server and stops the worker's world at one commit: just before, or just after it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from tests.carrying_proxy import CHUNK, CarryingProxy
from tests.nats_process import NatsServer

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


class LogGate(CarryingProxy):
    """Carries everything until `cut` matches what the worker publishes; then nothing, until it is armed again."""

    def __init__(self, server: NatsServer) -> None:
        host, _, port = server.url.removeprefix("nats://").rpartition(":")
        super().__init__(host, int(port))
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

    async def to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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

    async def to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if not self._shut:
                writer.write(data)
                await writer.drain()
            elif self._passed and b'"stream":"EVENTS"' in data.replace(b" ", b""):
                self._reached.set()


@asynccontextmanager
async def log_gate(server: NatsServer) -> AsyncIterator[LogGate]:
    """A gate to this server, on a port of its own."""
    gate = LogGate(server)
    async with gate.listening() as port:
        gate.url = f"nats://{server.user}:{server.password}@127.0.0.1:{port}"
        yield gate
