"""A TCP proxy that can lose what the server says, or stop carrying anything, as bad networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.carrying_proxy import CHUNK, CarryingProxy


class TcpProxy(CarryingProxy):
    """`mute` throws the server's bytes away, `freeze` carries nothing.

    `seconds_a_piece` is how long each of the server's pieces, of 64 KB at most, takes, `seconds_a_piece_sent` each of
    the client's: a slow way.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.mute = False
        self.seconds_a_piece = 0.0
        self.seconds_a_piece_sent = 0.0
        self.swallowed = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self.url = ""

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    async def to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._open.wait()
            await asyncio.sleep(self.seconds_a_piece_sent)
            writer.write(data)
            await writer.drain()

    async def to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._open.wait()
            if self.mute:
                self.swallowed.set()
                continue
            await asyncio.sleep(self.seconds_a_piece)
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[TcpProxy]:
    """Carry connections to the server at `url`, on a port of its own."""
    host, _, port = url.removeprefix("nats://").rpartition(":")
    proxy = TcpProxy(host, int(port))
    async with proxy.listening() as own_port:
        proxy.url = f"nats://127.0.0.1:{own_port}"
        yield proxy
