"""uvicorn's HTTP protocol with a door: a stream writes its ready bytes straight to the connection's transport.

Give `StreamingProtocol` to `uvicorn.Config(http=…)`. Everything else runs through uvicorn as ever;
a stream takes the transport over after the head of its answer and hands it back at its end.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.flag import Flag
from gateway.frames import Frame, chunked, together
from gateway.kernel import held_by_kernel
from gateway.wakeup import Wakeup
from gateway.wire import Headers, Listener, SendWire, Wire

EXTENSION = "foundry.transport"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST_JOINED = 64 * 1024
"""A body of up to this many bytes is copied behind its head; a longer one is written by itself."""


class _Pipeline(list[object]):
    """Requests that were sent before the last was answered. There are hardly any, and an empty deque weighs 700 bytes."""

    __slots__ = ()

    def appendleft(self, request: object) -> None:
        self.insert(0, request)


class _InOnePiece:
    """A transport for one answer, whose head waits for what comes next: two writes wake its reader twice."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head:
            if len(data) <= MOST_JOINED:
                data = self._head + data
            else:
                self._transport.write(self._head)
            self._head = b""
            self._transport.write(data)
        elif self._head is None and data != CONTINUE:
            self._head = data
        else:
            self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


class StreamingProtocol(HttpToolsProtocol):
    """Tells the stream that writes to its transport when to pause, when to go on, and when nobody is there."""

    # More than 30 attributes in its dictionary would cost each connection a kilobyte.
    __slots__ = ("answering", "stream")

    def __init__(self, *arguments: Any, **further: Any) -> None:
        super().__init__(*arguments, **further)
        self.pipeline = _Pipeline()  # type: ignore[assignment]
        self.answering: RequestResponseCycle | None = None
        self.stream: TransportWire | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow._is_writable_event = Flag()  # type: ignore[assignment]
        self.flow._is_writable_event.set()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.message_event = Flag()  # type: ignore[assignment]
        self.cycle.transport = _InOnePiece(self.transport)  # type: ignore[assignment]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # `cycle` is the request that was read last: the next ones may be here before this one is answered.
        self.answering = cycle
        if cycle.scope["http_version"] == "1.0":
            app = _without_chunks(app, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        assert self.answering is not None
        answer = self.answering.transport
        if isinstance(answer, _InOnePiece):
            # The answer to a HEAD has nothing behind its head.
            answer.flush()
        super().on_response_complete()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["extensions"] = {EXTENSION: self}

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.stream is not None:
            self.stream.on_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.stream is not None:
            self.stream.on_resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)
        if self.stream is not None:
            self.stream.on_lost()


def _without_chunks(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """For HTTP/1.0, to which uvicorn sends chunks too: the end of the connection ends a body of unknown length."""

    async def answered(scope: Any, receive: Any, send: Any) -> None:
        measured = True

        async def plain(message: Any) -> None:
            nonlocal measured
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                measured = b"content-length" in names
                if not measured:
                    cycle.chunked_encoding = False
                    cycle.keep_alive = False
            elif not measured:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, plain)

    return answered


class TransportWire:
    """A `Wire` over the transport itself, `paused` as soon as anything waits. `send_buffer` bounds what the kernel hides."""

    def __init__(self, protocol: StreamingProtocol, send: Send, *, send_buffer: int) -> None:
        assert protocol.answering is not None
        self._protocol = protocol
        self._cycle = protocol.answering
        self._transport: asyncio.Transport = protocol.transport
        self._chunked = self._cycle.scope["http_version"] != "1.0"
        self._send = send
        self._send_buffer = send_buffer
        self._written = 0
        self._listener: Listener | None = None
        self._changed = Wakeup()
        self._gone = False
        self._socket: socket.socket | None = self._transport.get_extra_info("socket")
        self.paused = False
        self.lost = False

    @property
    def pending(self) -> int:
        # Whether anything waits is known without asking, and for nearly all streams nothing does.
        return self._transport.get_write_buffer_size() if self.paused and not self.lost else 0

    @property
    def taken(self) -> int:
        held = 0 if self.lost else held_by_kernel(self._socket)
        return self._written - self.pending - held

    @property
    def free(self) -> asyncio.Transport | None:
        return self._transport if self._chunked and not (self.paused or self.lost) else None

    async def start(self, headers: Headers, listener: Listener | None) -> None:
        self._listener = listener
        # What comes behind the head of a stream does not go through uvicorn.
        self._cycle.transport = self._transport
        if not self._transport.is_closing():
            await self._send_head(headers)
        self._protocol.stream = self
        self.paused = self._protocol.flow.write_paused
        self.lost = self._transport.is_closing()
        self._gone = self._cycle.disconnected

    async def _send_head(self, headers: Headers) -> None:
        self._limit(0)
        if self._socket is not None and self._socket.family in (socket.AF_INET, socket.AF_INET6):
            # Unset, the kernel takes 4 MB for a reader that stands still.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
        # Waits until the answer before this one was taken, and nothing may be written before the head.
        self.paused = True
        await self._send({"type": "http.response.start", "status": 200, "headers": list(headers)})

    def send(self, frames: Sequence[Frame], identity: bytes) -> None:
        if self.lost:
            return
        if not self._chunked:
            self.write(b"".join([*(one.text() for one in frames[:-1]), frames[-1].text(identity)]))
            return
        data = together(frames, identity)
        self._written += len(data)
        self._transport.write(data)

    def write(self, text: bytes | memoryview) -> None:
        if not self.lost:
            data = chunked(text) if self._chunked else bytes(text)
            self._written += len(data)
            self._transport.write(data)

    def abort(self) -> None:
        # close() would wait for the reader to take what is buffered: for ever.
        self._transport.abort()
        self.lost = True
        self._busy()
        self._wake()

    async def finish(self, *, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                if self.lost:
                    # uvicorn has to know it too before the application returns.
                    while not self._gone:
                        await self._changed.wait()
                    return
                await self._until_taken()
                if not self.lost:
                    await self._send({"type": "http.response.body", "body": b""})
                await self._until_taken()
        except TimeoutError:
            self.abort()
        finally:
            # A pipelined request may have begun the next stream already.
            if self._protocol.stream is self:
                self._protocol.stream = None
                self._limit(None)

    def on_paused(self) -> None:
        self.paused = True
        self._busy()

    def on_resumed(self) -> None:
        self.paused = False
        self._changed.set()
        self._wake()

    def on_lost(self) -> None:
        self.lost = True
        self._gone = True
        self._changed.set()
        self._busy()
        self._wake()

    def _busy(self) -> None:
        if self._listener is not None:
            self._listener.busy()

    def _wake(self) -> None:
        if self._listener is not None:
            self._listener.wake()

    async def _until_taken(self) -> None:
        while self.paused and not self.lost:
            await self._changed.wait()

    def _limit(self, high: int | None) -> None:
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits(high=high)


def wire_of(scope: Scope, receive: Receive, send: Send, *, most_bytes: int) -> Wire:
    """The transport where the server offers it, else plain ASGI. `most_bytes` are what may wait for its reader in the kernel."""
    protocol = scope.get("extensions", {}).get(EXTENSION)
    if isinstance(protocol, StreamingProtocol):
        return TransportWire(protocol, send, send_buffer=most_bytes // 2)
    return SendWire(receive, send, high=most_bytes // 2)
