"""HTTP written by hand onto a socket, for requests no decent client would send."""

import asyncio
from typing import NamedTuple
from urllib.parse import urlsplit

WITHIN = 15.0


class RawAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class RawConnection:
    """One connection; whatever is sent goes out as it is."""

    def __init__(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    async def open(cls, address: str) -> "RawConnection":
        parts = urlsplit(address)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def ask(self, *pieces: bytes) -> RawAnswer:
        """Send pieces one after another, and read one answer."""
        for piece in pieces:
            self._sink.write(piece)
            await self._sink.drain()
        return await self.answer()

    def send(self, piece: bytes) -> None:
        self._sink.write(piece)

    async def answer_to_endless(self, piece: bytes, *, limit: int) -> RawAnswer:
        """Send the same piece over and over until an answer comes, `limit` bytes at most."""
        answering = asyncio.create_task(self.answer())
        sent = 0
        while not answering.done() and sent < limit:
            self._sink.write(piece)
            sent += len(piece)
            try:
                await self._sink.drain()
            except ConnectionError:
                break
        return await answering

    async def answer(self) -> RawAnswer:
        async with asyncio.timeout(WITHIN):
            head = await self._source.readuntil(b"\r\n\r\n")
            line, *rest = head.decode("latin-1").split("\r\n")
            pairs = (one.partition(":") for one in rest if one)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            if int(line.split()[1]) in (100, 204):
                body = b""
            elif headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            elif "content-length" in headers:
                body = await self._source.readexactly(int(headers["content-length"]))
            else:
                body = await self._source.read()
            return RawAnswer(int(line.split()[1]), headers, body)

    async def until(self, text: bytes) -> bytes:
        """What comes up to and with `text`, as it is on the wire."""
        async with asyncio.timeout(WITHIN):
            return await self._source.readuntil(text)

    async def is_closed(self) -> bool:
        """Whether the server closed the connection without a further word."""
        async with asyncio.timeout(WITHIN):
            return await self._source.read(1) == b""

    def close(self) -> None:
        self._sink.transport.abort()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._source.readline(), 16):
            body += (await self._source.readexactly(size + 2))[:-2]
        await self._source.readline()
        return body


async def ask_once(address: str, request: bytes) -> RawAnswer:
    """One request on a connection of its own."""
    connection = await RawConnection.open(address)
    try:
        return await connection.ask(request)
    finally:
        connection.close()
