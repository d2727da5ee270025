"""What a connection may cost before its request is known: a bounded head, within a bounded time."""

import asyncio

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.transport import StreamingProtocol
from runtime.errors import Invalid
from runtime.problems import problem_document

HEAD_BYTES = 64 * 1024


class PatientProtocol(StreamingProtocol):
    """uvicorn waits for ever for the rest of a head, keeps all of it, and says "Invalid HTTP request" in plain text."""

    head_seconds = 30.0
    parting_seconds = 2.0

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if not self._in_head:
            if self._deadline is not None:
                self._forget_deadline()
            return
        if self._refused or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.send_400_response(f"The head of a request may have {HEAD_BYTES} bytes; send less.")
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """The last word on a connection whose bytes are no request."""
        error = Invalid(msg if msg.endswith(".") else "This is not an HTTP request; correct it.")
        body = msgspec.json.encode(problem_document(error, instance="/"))
        head = (
            b"content-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[400] + head + body)
        # Closing at once, with bytes of theirs unread, would reset the connection before they read this.
        self._refused = True
        self._forget_deadline()
        self._deadline = self.loop.call_later(self.parting_seconds, self.transport.close)
        self.transport.write_eof()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
