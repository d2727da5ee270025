"""A client that reads event streams from a real socket and holds every stream to the contract."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.gateway.memory_views import Document

WITHIN = 5.0


class Event(NamedTuple):
    name: str
    data: Any
    id: str | None
    retry: int | None


class CleanEnd(Exception):
    """The server ended the stream as HTTP wants it; a broken connection is an EOFError or ConnectionError."""


class Held:
    """One topic as a client holds it."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self.epoch: str = snapshot["epoch"]
        self.version: int = snapshot["version"]
        self.document = Document(snapshot["data"])

    @property
    def etag(self) -> str:
        return f"{self.epoch}.{self.version}"


class Reader:
    """Reads one stream. `held` is what it holds; `last_id` what a native EventSource would send back."""

    def __init__(
        self,
        source: asyncio.StreamReader,
        *,
        held: dict[str, Held] | None = None,
        chunked: bool = True,
    ) -> None:
        self._source = source
        self._buffer = b""
        self._chunked = chunked
        self._size: int | None = None
        self._was_ready = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.held = held or {}
        self.last_id: str | None = None
        self.retry: int | None = None
        self.pace = 0.0
        self.seen: list[Event] = []

    async def head(self) -> None:
        head = await asyncio.wait_for(self._source.readuntil(b"\r\n\r\n"), WITHIN)
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1])
        pairs = (line.partition(": ") for line in lines if line)
        self.headers = {name.lower(): value for name, _, value in pairs}
        self._chunked = self.headers.get("transfer-encoding") == "chunked"

    async def next(self, within: float = WITHIN) -> Event:
        """The next event, folded into `held`. Raises `CleanEnd` after the last."""
        async with asyncio.timeout(within):
            while True:
                while b"\n\n" not in self._buffer:
                    self._buffer += await self._piece()
                block, _, self._buffer = self._buffer.partition(b"\n\n")
                event = self._parse(block)
                if event is not None:
                    self._fold(event)
                    self.seen.append(event)
                    return event

    async def until(self, name: str, within: float = WITHIN) -> Event:
        """The next event of this name; those before it are in `seen`."""
        async with asyncio.timeout(within):
            while True:
                event = await self.next(within)
                if event.name == name:
                    return event

    async def until_version(self, topic: str, version: int, within: float = WITHIN) -> None:
        """Read until the topic is held at `version` or later."""
        async with asyncio.timeout(within):
            while topic not in self.held or self.held[topic].version < version:
                await self.next(within)

    async def rest(self) -> list[Event]:
        """All events to the clean end of the stream."""
        events = []
        try:
            while True:
                events.append(await self.next())
        except CleanEnd:
            return events

    async def body(self) -> Any:
        """The JSON body of an answer that is no stream."""
        length = int(self.headers["content-length"])
        return json.loads(await asyncio.wait_for(self._source.readexactly(length), WITHIN))

    async def _piece(self) -> bytes:
        if self.pace:
            await asyncio.sleep(self.pace)
        if not self._chunked:
            piece = await self._source.read(65536)
            if not piece:
                raise CleanEnd
            return piece
        # Kept across calls: a read that is given up half-way must not lose its place in the framing.
        if self._size is None:
            self._size = int((await self._source.readuntil(b"\r\n"))[:-2], 16)
        size = self._size
        piece = (await self._source.readexactly(size + 2))[:-2]
        self._size = None
        if not size:
            raise CleanEnd
        return piece

    def _parse(self, block: bytes) -> Event | None:
        fields: dict[str, str] = {}
        # Only these three end a line in SSE; str.splitlines would also cut at U+2028.
        for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
            name, _, value = line.decode().partition(": ")
            assert name not in fields, block
            fields[name] = value
        if "retry" in fields:
            self.retry = int(fields["retry"])
        if "data" not in fields:
            return None
        identity = fields.get("id")
        if identity is not None:
            self._was_ready = self._was_ready or fields["event"] == "ready"
            assert self._was_ready, "an id before the stream was ready"
            self.last_id = identity
        return Event(fields["event"], json.loads(fields["data"]), identity, self.retry)

    def _fold(self, event: Event) -> None:
        data = event.data
        if event.name == "snapshot":
            before = self.held.get(data["topic"])
            if before is not None and before.epoch == data["epoch"]:
                assert data["version"] >= before.version, "an older state"
            self.held[data["topic"]] = Held(data)
        elif event.name == "change":
            held = self.held[data["topic"]]
            if data["epoch"] == held.epoch and data["version"] <= held.version:
                return
            assert (held.epoch, held.version) == (data["epoch"], data["base"]), "a gap"
            held.document.apply(data["changes"])
            held.version = data["version"]
        elif event.name == "ready":
            for topic, etag in data["topics"].items():
                assert self.held[topic].etag == etag
        elif event.name in ("forbidden", "gone"):
            self.held.pop(data["topic"], None)


async def open_connection(
    port: int, receive_buffer: int | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection; with a small `receive_buffer` a reader that stands still is felt at once."""
    sock = socket.socket()
    sock.setblocking(False)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock, limit=receive_buffer or 65536)


def request(
    method: str, path: str, headers: Mapping[str, str], body: Any = None, version: str = "1.1"
) -> bytes:
    content = (
        b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    )
    lines = [f"{method} {path} HTTP/{version}", "Host: test", f"Content-Length: {len(content)}"]
    if body is not None:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def asking(
    port: int,
    method: str,
    path: str,
    *,
    token: str | None = "ann",
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    version: str = "1.1",
    receive_buffer: int | None = None,
    held: dict[str, Held] | None = None,
) -> AsyncIterator[Reader]:
    """Send a request and read the head of its answer."""
    source, sink = await open_connection(port, receive_buffer)
    try:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        sink.write(request(method, path, {**bearer, **(headers or {})}, body, version))
        reader = Reader(source, held=held)
        await reader.head()
        yield reader
    finally:
        sink.transport.abort()
