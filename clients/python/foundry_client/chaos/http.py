"""As much of HTTP/1.1 as a proxy on loopback needs, written so that an answer can be broken at any byte."""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024


class Request(Struct, frozen=True):
    """`target` is as it was sent; `path` and `query` are read from it. Names of headers are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2])


class BadRequest(Exception):
    """Not the HTTP this proxy understands."""


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when its client has left. Raises `BadRequest`."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest("The head of the request is too large.") from None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise BadRequest("The first line is no request line.")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > MAX_BODY:
        raise BadRequest("Send a body with its Content-Length.")
    try:
        body = await reader.readexactly(int(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Request(parts[0], parts[1], headers, body)


class Answering:
    """One connection to a client, on which answers are written whole or broken."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def whole(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An answer from beginning to end; the connection can take the next request."""
        named = {"content-type": "application/json", **(headers or {})}
        named["content-length"] = str(len(body))
        await self._write(_head(status, named) + body)

    async def problem(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        body = {"type": f"/problems/{code}", "title": code, "status": status, "code": code}
        await self.whole(
            status,
            json.dumps({**body, "detail": detail}).encode(),
            {"content-type": "application/problem+json", **(headers or {})},
        )

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer that comes in pieces and ends its connection."""
        framing = {"transfer-encoding": "chunked", "connection": "close"}
        await self._write(_head(status, {**headers, **framing}))

    async def piece(self, data: bytes) -> None:
        if data:
            await self._write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """As HTTP wants it: the client can tell that this was all."""
        await self._write(b"0\r\n\r\n")

    def half_close(self) -> None:
        """No more comes from here; what the client sends is still taken."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Gone without a word; whatever still was on its way is thrown away."""
        peer = self._writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Broken'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
