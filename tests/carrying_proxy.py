"""A TCP proxy on the way to a server; what it does to the bytes of each way is up to those who extend it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

CHUNK = 64 * 1024


class CarryingProxy(ABC):
    """With `refusing` it takes no new connection."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self.refusing = False

    @abstractmethod
    async def to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what the client says until it ends."""

    @abstractmethod
    async def to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what the server says until it ends."""

    def cut(self) -> None:
        """Break every connection that is open now."""
        for connection in self._connections:
            connection.cancel()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Take connections on a port of its own."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = listener.sockets[0].getsockname()[1]
        try:
            yield port
        finally:
            listener.close()
            connections = tuple(self._connections)
            self.cut()
            if connections:
                await asyncio.wait(connections)
            await listener.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Also for a task that was cancelled before it took its first step.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_to_its_end(self.to_server(reader, server_writer)))
                ways.create_task(_to_its_end(self.to_client(server_reader, writer)))
        except* OSError:
            pass
        finally:
            server_writer.transport.abort()


async def _to_its_end(way: Coroutine[None, None, None]) -> None:
    await way
    # Ends the other way too.
    raise ConnectionResetError
