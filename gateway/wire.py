"""The way to one reader. The stream writes without waiting and asks how much has not been taken yet."""

import asyncio
from asyncio import Transport
from collections.abc import Sequence
from typing import Protocol

from starlette.types import Receive, Send

from gateway.frames import Frame

Headers = Sequence[tuple[bytes, bytes]]


class Listener(Protocol):
    def busy(self) -> None:
        """Told when the wire stops being `free`: something waits for its reader, or the reader was lost."""

    def wake(self) -> None:
        """Told when `paused` ends, or the reader was lost."""


class Wire(Protocol):
    @property
    def pending(self) -> int:
        """Bytes written that the reader's side has not taken."""

    @property
    def taken(self) -> int:
        """Grows by every byte the reader's side takes while some wait for it, as far as this machine knows."""

    @property
    def paused(self) -> bool:
        """Whether enough waits already, so that large events should not be continued now."""

    @property
    def free(self) -> Transport | None:
        """The transport, while others may write whole chunks of the body to it: until the listener is told `busy`. Else None."""

    @property
    def lost(self) -> bool:
        """Whether the reader is gone."""

    async def start(self, headers: Headers, listener: Listener | None) -> None:
        """Send the head of a 200 answer."""

    def send(self, frames: Sequence[Frame], identity: bytes) -> None:
        """Write whole events; the last one carries the `id:` line."""

    def write(self, text: bytes | memoryview) -> None:
        """Write a piece of the body."""

    def abort(self) -> None:
        """Give the reader up at once, whatever waits for it."""

    async def finish(self, *, within: float) -> None:
        """End the answer cleanly once everything was taken; `within` seconds at most, then abort."""


class SendWire:
    """Over plain ASGI, for servers without `gateway.transport.StreamingProtocol`: two tasks, one copy more."""

    def __init__(self, receive: Receive, send: Send, *, high: int) -> None:
        self._receive = receive
        self._send = send
        self._high = high
        self._waiting: list[bytes] = []
        self._some = asyncio.Event()
        self._flushed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: Listener | None = None
        self.pending = 0
        self.taken = 0
        self.lost = False

    @property
    def paused(self) -> bool:
        return self.pending > self._high

    @property
    def free(self) -> None:
        """None: each reader gets its bytes by a task of its own."""
        return None

    async def start(self, headers: Headers, listener: Listener | None) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        self._listener = listener
        self._tasks = [
            asyncio.create_task(self._pump(), name="stream pump"),
            asyncio.create_task(self._watch(), name="stream disconnect"),
        ]

    def send(self, frames: Sequence[Frame], identity: bytes) -> None:
        for frame in frames[:-1]:
            self.write(frame.text())
        self.write(frames[-1].text(identity))

    def write(self, text: bytes | memoryview) -> None:
        if not self.lost:
            self._waiting.append(bytes(text))
            self.pending += len(text)
            self._some.set()

    def abort(self) -> None:
        self.lost = True
        for task in self._tasks:
            task.cancel()
        self._flushed.set()
        self._wake()

    async def finish(self, *, within: float) -> None:
        if not self.lost:
            try:
                async with asyncio.timeout(within):
                    while self.pending and not self.lost:
                        self._flushed.clear()
                        await self._flushed.wait()
                    if not self.lost:
                        await self._send({"type": "http.response.body", "body": b""})
            except TimeoutError:
                self.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _wake(self) -> None:
        if self._listener is not None:
            self._listener.wake()

    async def _pump(self) -> None:
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                body = b"".join(self._waiting)
                self._waiting.clear()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
                self.pending -= len(body)
                self.taken += len(body)
                self._flushed.set()
                self._wake()
        except OSError:
            self.abort()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.abort()
