"""The limit of appending from Python: a NATS connection that does nothing but publish and read acknowledgements."""

import asyncio
import json
import time
from typing import cast
from urllib.parse import urlsplit

PREFIX = b"_BENCH"


class RawPublisher(asyncio.Protocol):
    """Publishes to JetStream with an expected last sequence and a message id, each acknowledged."""

    def __init__(self, user: str, password: str) -> None:
        self._connect = json.dumps(
            {"user": user, "pass": password, "verbose": False, "headers": True, "lang": "raw"}
        ).encode()
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._buffer = b""
        self._out: list[bytes] = []
        self._number = 0
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        subscribe = b"CONNECT " + self._connect + b"\r\nSUB " + PREFIX + b".* 1\r\nPING\r\n"
        self.transport.write(subscribe)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        at = 0
        while (end := buffer.find(b"\r\n", at)) >= 0:
            line = buffer[at:end]
            if line.startswith(b"MSG "):
                _, subject, _, size = line.split(b" ")
                begin, stop = end + 2, end + 2 + int(size)
                if len(buffer) < stop + 2:
                    break
                self._waiting.pop(subject[len(PREFIX) + 1 :]).set_result(buffer[begin:stop])
                at = stop + 2
                continue
            if line == b"PING":
                self.transport.write(b"PONG\r\n")
            elif line == b"PONG" and not self.ready.done():
                self.ready.set_result(None)
            elif line.startswith(b"-ERR"):
                raise ConnectionError(line.decode())
            at = end + 2
        self._buffer = buffer[at:]

    async def publish(self, subject: str, body: bytes, *, expected: int, message_id: str) -> int:
        """The sequence under which it is stored."""
        self._number += 1
        token = b"%d" % self._number
        headers = (
            f"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: {expected}\r\n"
            f"Nats-Msg-Id: {message_id}\r\n\r\n"
        ).encode()
        line = b"HPUB %s %s.%s %d %d\r\n" % (
            subject.encode(),
            PREFIX,
            token,
            len(headers),
            len(headers) + len(body),
        )
        answer = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(line + headers + body + b"\r\n")
        ack = json.loads(await answer)
        if "error" in ack:
            raise ConnectionError(str(ack["error"]))
        return int(ack["seq"])

    def _flush(self) -> None:
        self.transport.write(b"".join(self._out))
        self._out.clear()


async def raw_publisher(url: str, user: str, password: str) -> RawPublisher:
    place = urlsplit(url)
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: RawPublisher(user, password), place.hostname or "127.0.0.1", place.port or 0
    )
    await connection.ready
    return connection


async def publishes_per_second(
    connection: RawPublisher, subject: str, body: bytes, *, clients: int, seconds: float
) -> float:
    """The rate of this many writers, each on a subject of its own, each waiting for its acknowledgement."""
    ends_at = time.perf_counter() + seconds

    async def writer(number: int) -> int:
        last, count = 0, 0
        while time.perf_counter() < ends_at:
            last = await connection.publish(
                f"{subject}{number}", body, expected=last, message_id=f"{subject}{number}-{count}"
            )
            count += 1
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(writer(number) for number in range(clients)))
    return sum(counts) / (time.perf_counter() - began)
