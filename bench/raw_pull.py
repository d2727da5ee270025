"""The limit of reading the log from Python: a NATS connection that does nothing but pull, cut and decode."""

import asyncio
import json
import time
from typing import cast
from urllib.parse import urlsplit

from events import codec
from events.store import STREAM
from runtime.embedded_server import EmbeddedServer

BATCH = 5000
MADE = b"MSG _RAW.made "
"""The server's word that the consumer is there."""
CONFIG = {"deliver_policy": "all", "ack_policy": "none", "replay_policy": "instant"}


class _RawPull(asyncio.Protocol):
    """Counts what it was sent and looks at nothing but lengths and contents; loses no time on what may go wrong."""

    def __init__(self, server: EmbeddedServer, messages: int) -> None:
        login = {"user": server.user, "pass": server.password, "verbose": False, "headers": True}
        self._login = json.dumps(login)
        self._consumer = f"bench_{time.monotonic_ns()}"
        self._left = messages
        self._asked = 0
        self._made = False
        self._rest = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(f"CONNECT {self._login}\r\nSUB _RAW.* 1\r\n".encode())
        request = {"stream_name": STREAM, "config": {**CONFIG, "name": self._consumer}}
        self._publish(f"$JS.API.CONSUMER.CREATE.{STREAM}.{self._consumer}", "_RAW.made", request)

    def data_received(self, data: bytes) -> None:
        read, at, decode = self._rest + data, 0, codec.decode
        while (end := read.find(b"\r\n", at)) >= 0:
            if read.startswith(b"HMSG", at):
                _, _, _, _, header, size = read[at:end].split(b" ")
                begin = end + 2
                if len(read) < begin + int(size) + 2:
                    break
                # The server's own word has nothing behind its header.
                if header != size:
                    decode(read[begin + int(header) : begin + int(size)])
                    self._left -= 1
                    self._asked -= 1
                at = begin + int(size) + 2
            else:
                self._made = self._made or read.startswith(MADE, at)
                at = end + 2
        self._rest = read[at:]
        while self._made and self._asked <= BATCH:
            self._pull()
        if self._left <= 0 and not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _pull(self) -> None:
        self._asked += BATCH
        self._publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer}", "_RAW.next", {"batch": BATCH}
        )

    def _publish(self, subject: str, reply: str, request: object) -> None:
        body = json.dumps(request)
        self._transport.write(f"PUB {subject} {reply} {len(body)}\r\n{body}\r\n".encode())


async def pull_and_decode(server: EmbeddedServer, messages: int) -> None:
    """Pull and decode until the last of `messages` messages."""
    place = urlsplit(server.url)
    _, reading = await asyncio.get_running_loop().create_connection(
        lambda: _RawPull(server, messages), place.hostname or "127.0.0.1", place.port or 0
    )
    await reading.done
