"""Closed-loop load over HTTP: so many connections, each sending its next request when the last one is answered."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
RETRY = b"\r\nretry-after:"


@dataclass
class Load:
    """What the clients saw. `answered` has the latencies in seconds, by status; `told_when` counts answers with `Retry-After`."""

    seconds: float = 0.0
    answered: dict[int, list[float]] = field(default_factory=dict)
    told_when: int = 0

    @property
    def latencies(self) -> list[float]:
        return [seconds for some in self.answered.values() for seconds in some]

    @property
    def statuses(self) -> dict[int, int]:
        return {status: len(some) for status, some in self.answered.items()}

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds


class _Client(asyncio.Protocol):
    """One keep-alive connection. It knows answers with a length, which is what commands and views send."""

    def __init__(self, next_request: Callable[[], bytes | None], load: Load) -> None:
        self._next_request = next_request
        self._load = load
        self._received = b""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(HEAD_END)
        if head < 0:
            return
        told = self._received[:head].lower()
        if len(self._received) < head + len(HEAD_END) + _length(told):
            return
        status = int(self._received[9:12])
        self._received = b""
        self._load.answered.setdefault(status, []).append(time.perf_counter() - self._sent_at)
        self._load.told_when += RETRY in told
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("The server closed a connection under load."))

    def _send(self) -> None:
        request = self._next_request()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def _length(head: bytes) -> int:
    """What an answer without a body (204) does not say is 0."""
    at = head.find(LENGTH)
    return int(head[at + len(LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0


async def closed_loop(
    address: str, requests: list[Callable[[], bytes]], *, seconds: float, warm_up: float = 0.3
) -> Load:
    """One client per element of `requests`, for so long; what came within `warm_up` is not counted."""
    place = urlsplit(address)
    loop = asyncio.get_running_loop()
    load = Load()
    ends_at = time.perf_counter() + warm_up + seconds

    def bounded(make: Callable[[], bytes]) -> Callable[[], bytes | None]:
        return lambda: make() if time.perf_counter() < ends_at else None

    clients = []
    for make in requests:
        _, client = await loop.create_connection(
            lambda make=make: _Client(bounded(make), load),  # type: ignore[misc]
            place.hostname or "127.0.0.1",
            place.port or 0,
        )
        clients.append(client)
    await asyncio.sleep(warm_up)
    load.answered.clear()
    load.told_when = 0
    began = time.perf_counter()
    await asyncio.gather(*(client.done for client in clients))
    load.seconds = time.perf_counter() - began
    return load


def post(path: str, token: str, body: bytes) -> bytes:
    """A whole request as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
