"""Many readers of event streams in one loop: they count what comes and when, and look at nothing else."""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

MARK = b"event: change\n"
"""Stands once in every delivery, of ours and of every peer."""

OPENING_AT_ONCE = 64


class Readers:
    """Open streams. `deliveries` counts the marks that came to all of them together."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.last_at = 0.0
        self.times: list[float] | None = None
        self.connections: list[_Reader] = []
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def told(self, count: int) -> None:
        self.last_at = time.perf_counter()
        self.deliveries += count
        if self.times is not None:
            self.times += [self.last_at] * count
        for wanted, waiter in self._waiting:
            if self.deliveries >= wanted and not waiter.done():
                waiter.set_result(None)

    async def reached(self, deliveries: int, *, within: float = 60.0) -> None:
        """Wait until so many came in all. Raises `TimeoutError`."""
        if self.deliveries >= deliveries:
            return
        entry = (deliveries, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(within):
                await entry[1]
        finally:
            self._waiting.remove(entry)

    def close(self) -> None:
        for one in self.connections:
            one.transport.abort()


class _Reader(asyncio.Protocol):
    """One stream. A mark that two reads cut apart counts with the second one. What comes is kept in `keep` if wanted."""

    def __init__(self, request: bytes, ready: bytes, readers: Readers) -> None:
        self._request = request
        self._ready_mark = ready
        self._readers = readers
        self._begin = b""
        self._tail = b""
        self.keep: bytes | None = None
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._begin += data
            if self._begin[9:12] != b"200":
                self.ready.set_exception(ConnectionError(f"Not a stream: {self._begin!r}"))
            elif self._ready_mark in self._begin:
                self.ready.set_result(None)
                self._begin = b""
            return
        if self.keep is not None:
            self.keep += data
        data = self._tail + data
        self._tail = data[1 - len(MARK) :]
        if count := data.count(MARK):
            self._readers.told(count)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"A stream ended: {self._begin[:300]!r}"))


async def open_streams(address: str, requests: Sequence[bytes], *, ready: bytes) -> Readers:
    """One stream per request, all told that they are `ready`."""
    place = urlsplit(address)
    loop = asyncio.get_running_loop()
    readers = Readers()
    slots = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(request: bytes) -> None:
        async with slots:
            _, reader = await loop.create_connection(
                lambda: _Reader(request, ready, readers),
                place.hostname or "127.0.0.1",
                place.port or 0,
            )
            readers.connections.append(reader)
            async with asyncio.timeout(60):
                await reader.ready

    await asyncio.gather(*(open_one(one) for one in requests))
    return readers


class Asking(asyncio.Protocol):
    """One keep-alive connection that asks and waits for the answer."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._missing = 0
        self._head = b""
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    async def ask(self, request: bytes) -> int:
        """The status of the answer, whose body was received whole; its size is in `size`."""
        self._answered = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._missing = -1
        self.transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        if self._missing >= 0:
            self._missing -= len(data)
        else:
            self._received += data
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end]).lower()
            _, found, after = self._head.partition(b"content-length:")
            self.size = int(after.partition(b"\r\n")[0]) if found else 0
            self._missing = self.size - (len(self._received) - end - 4)
        # Whoever was measured until the time was up does not wait for its last answer.
        if self._missing == 0 and self._answered is not None and not self._answered.done():
            self._missing = -1
            self._answered.set_result(int(self._head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("The server closed the connection."))


async def asking(address: str, *, receive_bytes: int | None = None) -> Asking:
    """A connection, whose receive buffer has so many bytes or is left to the kernel."""
    place = urlsplit(address)
    plain = socket.socket()
    plain.setblocking(False)
    if receive_bytes is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (place.hostname or "127.0.0.1", place.port or 0))
    _, connection = await loop.create_connection(Asking, sock=plain)
    return connection


def get(path: str, token: str = "") -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream, application/json\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def stalled(address: str, request: bytes) -> socket.socket:
    """A connection that asks for a stream and never reads, with as little room of its own as there can be."""
    place = urlsplit(address)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((place.hostname or "127.0.0.1", place.port or 0))
    connection.sendall(request)
    return connection


Publish = Callable[[int], bytes]
"""The request that publishes message number so and so."""


async def publish_in_window(
    address: str, publish: Publish, readers: Readers, *, messages: int, each: int, window: int
) -> None:
    """Publish messages, of which `window` at most are not with all their `each` readers yet; then wait for all."""
    base = readers.deliveries
    connections = [await asking(address) for _ in range(window)]
    numbers = iter(range(messages))

    async def publisher(connection: Asking) -> None:
        for number in numbers:
            await readers.reached(base + (number - window + 1) * each)
            status = await connection.ask(publish(number))
            assert status in (200, 201, 202), status

    await asyncio.gather(*(publisher(one) for one in connections))
    await readers.reached(base + messages * each)
    for one in connections:
        one.transport.close()
