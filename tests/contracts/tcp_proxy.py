"""A TCP proxy that can lose what the server says, or stop carrying anything, as bad networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 64 * 1024


class TcpProxy:
    """`mute` throws the server's bytes away, `refusing` takes no new connection, `freeze` carries nothing.

    `seconds_a_piece` is how long each of the server's pieces, of 64 KB at most, takes: a slow way.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self.mute = False
        self.refusing = False
        self.seconds_a_piece = 0.0
        self.swallowed = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self.url = ""

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def cut(self) -> None:
        """Break every connection that is open now."""
        for connection in self._connections:
            connection.cancel()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Also for a task that was cancelled before it took its first step.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def close(self) -> None:
        connections = tuple(self._connections)
        self.cut()
        if connections:
            await asyncio.wait(connections)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._to_server(reader, server_writer))
                ways.create_task(self._to_client(server_reader, writer))
        except* OSError:
            pass
        finally:
            server_writer.transport.abort()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._open.wait()
            if self.mute:
                self.swallowed.set()
                continue
            await asyncio.sleep(self.seconds_a_piece)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[TcpProxy]:
    """Carry connections to the server at `url`, on a port of its own."""
    host, _, port = url.removeprefix("nats://").rpartition(":")
    proxy = TcpProxy(host, int(port))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
