"""The read side of the NATS protocol: messages, nearly all that ever comes, are cut out of the bytes here.

nats-py matches up to seven patterns a line and builds a task, a queue entry and a parsed header
for each message: 25,000 a second. What is rare (INFO, PING) stays its business, and so do
subscriptions without a `Sink`.
"""

from collections.abc import Callable
from typing import Any

from nats.errors import ProtocolError
from nats.protocol.parser import Parser

Sink = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes a message inside the read loop: subject, reply subject, header block, content. Must not raise or wait."""

END = b"\r\n"
MESSAGE = (b"HMSG ", b"MSG ")
ERROR = b"-ERR "


class MessageParser(Parser):
    """Replaces nats-py's own parser: the same calls, the same `ProtocolError`."""

    def __init__(self, client: Any) -> None:
        self.sinks: dict[int, Sink] = {}
        """What takes the messages of a subscription, by its number."""
        self._rest = b""
        self._resets = 0
        super().__init__(client)

    def reset(self) -> None:
        """Forget what was begun: the next bytes are those of another connection."""
        super().reset()
        self._rest = b""
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        read, at, resets = self._rest + data, 0, self._resets
        begun = -1
        # Whoever is waited for below may reconnect: then these bytes are nobody's any more.
        while begun != at and resets == self._resets:
            with self.nc.sent_together():
                begun = at = self._to_sinks(read, at)
            if message := _message(read, at):
                sid, subject, reply, header, content, at = message
                await self.nc._process_msg(sid, subject, reply, content, header)
            elif not read.startswith(MESSAGE, at) and (line_end := read.find(END, at)) >= 0:
                at = line_end + len(END)
                await self._parse_line(read[begun:at])
        if resets == self._resets:
            self._rest = read[at:]

    async def _parse_line(self, line: bytes) -> None:
        # nats-py makes an error's letters small: a subject copied from that into an account's
        # permissions would be another one.
        if line.startswith(ERROR):
            await self.nc._process_err(line.removeprefix(ERROR).decode(errors="replace").strip())
        else:
            await super().parse(line)

    def _to_sinks(self, read: bytes, at: int) -> int:
        """Hand on the messages from `at` on that have a sink, and say where something else begins."""
        while message := _message(read, at):
            sid, subject, reply, header, content, end = message
            if (sink := self.sinks.get(sid)) is None:
                break
            sink(subject, reply, header, content)
            at = end
        return at


def _message(read: bytes, at: int) -> tuple[int, bytes, bytes, bytes, bytes, int] | None:
    """Subscription, subject, reply subject, header and content of the message at `at`, and where it ends.

    None when no message stands there, or not the whole of it.
    """
    if not read.startswith(MESSAGE, at):
        return None
    line_end = read.find(END, at)
    if line_end < 0:
        return None
    subject, sid, reply, header_size, size = _arguments(read[at:line_end])
    begin = line_end + len(END)
    end = begin + size
    if len(read) < end + len(END):
        return None
    head_end = begin + header_size
    return sid, subject, reply, read[begin:head_end], read[head_end:end], end + len(END)


def _arguments(line: bytes) -> tuple[bytes, int, bytes, int, int]:
    """Subject, subscription, reply subject, bytes of the header, bytes in all."""
    words = line.split()
    try:
        # The longest form first: so come all messages of a stream.
        if len(words) == 6:
            _, subject, sid, reply, header_size, size = words
            found = subject, int(sid), reply, int(header_size), int(size)
        elif words[0] == b"HMSG":
            _, subject, sid, header_size, size = words
            found = subject, int(sid), b"", int(header_size), int(size)
        else:
            _, subject, sid, *replies, size = words
            found = subject, int(sid), b"".join(replies), 0, int(size)
    except ValueError:
        raise ProtocolError("nats: malformed MSG") from None
    # A size below nothing would lead back to where this line began, for ever.
    if not 0 <= found[3] <= found[4]:
        raise ProtocolError("nats: malformed MSG")
    return found
