"""What a connection may cost before its request is known, a bounded head within a bounded time, and when nobody takes its answer."""

import asyncio
import re
from typing import Any

import msgspec
from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.kernel import held_by_kernel
from gateway.transport import StreamingProtocol
from runtime.errors import Invalid
from runtime.problems import problem_document

HEAD_BYTES = 64 * 1024
HEAD_END = b"\r\n\r\n"
HEADS_AT_ONCE = 16
PIECE_BYTES = 1024
"""What holds more heads than that is taken apart in such pieces, and no further while a request waits for its turn:
a request weighs two kilobytes then, and was sent in twenty bytes."""
HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
"""A name or an address, and a port; each may be empty (RFC 3986)."""


class PatientProtocol(StreamingProtocol):
    """Bounds a request's head in time and size, and refuses with a problem document.

    uvicorn by itself waits for ever for the rest of a head, keeps all of it, takes in as many requests as are sent before
    the first is answered, and says "Invalid HTTP request" in plain text.
    """

    head_seconds = 30.0
    reader_seconds = 20.0
    """An answer of which no byte is taken for so long is ended. A stream has heartbeats for that."""
    parting_seconds = 2.0

    __slots__ = (
        "_deadline",
        "_has_said_all",
        "_head_bytes",
        "_in_head",
        "_reader",
        "_refusal",
        "_unread",
    )

    def __init__(self, *arguments: Any, **further: Any) -> None:
        super().__init__(*arguments, **further)
        self._deadline: asyncio.TimerHandle | None = None
        self._has_said_all = False
        self._head_bytes = 0
        self._in_head = True
        self._reader: asyncio.TimerHandle | None = None
        self._refusal: str | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow.resume_reading = self._resume_reading  # type: ignore[method-assign]
        self._deadline = self.loop.call_later(self.head_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        self._forget_reader()
        super().connection_lost(exc)

    def _resume_reading(self) -> None:
        # uvicorn goes on with each answer and each look at a body, also while others wait for their turn.
        if not (self.pipeline or self._unread):
            FlowControl.resume_reading(self.flow)

    def data_received(self, data: bytes) -> None:
        if self._unread:
            # It was on its way when reading paused.
            self._unread += data
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        step = len(data) if data.count(HEAD_END) <= HEADS_AT_ONCE else PIECE_BYTES
        for begin in range(0, len(data), step):
            if self._refusal is not None or self.transport.is_closing():
                return
            if self.pipeline:
                self._unread = data[begin:]
                self.flow.pause_reading()
                return
            self._read_piece(data[begin : begin + step])

    def _read_piece(self, data: bytes) -> None:
        # What comes in one piece with the end of the request before is not counted.
        self._head_bytes += len(data)
        self._parse(data)
        if self._refusal is not None or self.transport.is_closing():
            return
        if not self._in_head:
            return
        if self._head_bytes > HEAD_BYTES:
            self._refuse(f"The head of a request may have {HEAD_BYTES} bytes; send less.")
        else:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        # While a request waits for its turn nothing is read: what is missing may have come long ago.
        if self._deadline is None and not self.pipeline:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _parse(self, data: bytes) -> None:
        """uvicorn throws away what stands behind an offer of another protocol, and tells the log what to install."""
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    return
                except HttpParserUpgrade as offer:
                    rest = rest[offer.args[0] :]
        except HttpParserError:
            self.send_400_response("")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to go on: somebody who sends nothing more may still wait for an answer.

        A reader who left is known by the same sign, and a stream must not outlive its reader.
        """
        last, asked = self.answering, self.cycle
        if last is None or last.response_complete or self.stream is not None:
            return False
        self._has_said_all = asked is not None and not asked.more_body
        return self._has_said_all

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._forget_deadline()
        if self.parser.should_upgrade() and any(map(_announces_body, self.headers)):
            # The parser takes what stands behind such a head for the other protocol: the request would have
            # no body, and its body would be read as the next request.
            self._refuse("A request with a body offers no other protocol; leave out Upgrade.")
            raise Invalid("Upgrade")
        if not _names_one_host(self.headers, version=self.parser.get_http_version()):
            self._refuse("A request has one Host header, with a name or an address; correct it.")
            raise Invalid("Host")
        super().on_headers_complete()
        # The request keeps its own list: what stands behind a body in chunks is none of its headers.
        self.headers = []

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None:
            self._part(self._refusal)
            return
        if self.transport.is_closing() or self.pipeline:
            return
        if self._unread:
            data, self._unread = self._unread, b""
            self._read(data)
        elif self._has_said_all and self.answering and self.answering.response_complete:
            self.transport.close()
        elif self._in_head:
            self._wait_for_head()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.stream is None:
            self._watch_reader(before=None)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_reader()

    def _watch_reader(self, *, before: int | None) -> None:
        self._reader = self.loop.call_later(self.reader_seconds, self._look_at_reader, before)

    def _look_at_reader(self, before: int | None) -> None:
        if self.stream is not None:
            return
        connection = self.transport.get_extra_info("socket")
        left = self.transport.get_write_buffer_size() + held_by_kernel(connection)
        if before is not None and left >= before:
            # close() would wait for the reader to take what is left: for ever.
            self.transport.abort()
        else:
            self._watch_reader(before=left)

    def _forget_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says in `msg` helps nobody further."""
        if self._refusal is None:
            self._refuse(
                "This is not an HTTP/1.1 request; correct its first line, its headers or its chunks."
            )

    def _refuse(self, detail: str) -> None:
        """Read nothing more. What was asked before is answered before, a stream too for as long as it runs."""
        self._refusal = detail
        self._forget_deadline()
        asked = self.cycle
        if asked is not None and asked.more_body and not asked.response_complete:
            # Its body will never be whole: this is its answer.
            if asked is self.answering:
                # Nor is there anything more to send for, and the end of all that is said may be written by now.
                asked.waiting_for_100_continue = False
                asked.disconnected = True
                asked.message_event.set()
            else:
                del self.pipeline[0]
        self._part(detail)

    def _part(self, detail: str) -> None:
        """The last word on a connection, once all before it was said."""
        last = self.answering
        if last is not None and not (last.response_complete or last.disconnected):
            return
        if last is not None and last.disconnected and last.response_started:
            self.transport.close()
        if self.transport.is_closing():
            return
        body = msgspec.json.encode(problem_document(Invalid(detail), instance="/"))
        head = (
            b"content-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[400] + head + body)
        # Closing at once, with bytes of theirs unread, would reset the connection before they read this.
        self._deadline = self.loop.call_later(self.parting_seconds, self.transport.close)
        self.transport.write_eof()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _announces_body(header: tuple[bytes, bytes]) -> bool:
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and value != b"0")


def _names_one_host(headers: list[tuple[bytes, bytes]], *, version: str) -> bool:
    """RFC 9112, 3.2: whoever stands between could take another host for the one that is meant."""
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts:
        return version < "1.1"
    return len(hosts) == 1 and HOST.fullmatch(hosts[0]) is not None
