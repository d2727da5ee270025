"""The read side of the NATS protocol: messages, nearly all that ever comes, are cut out of the bytes here.

nats-py matches up to seven patterns a line and builds a task, a queue entry and a parsed header
for each message: 25,000 a second. What is rare (INFO, PING, errors) stays its business, and so do
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
        # Whoever is called below may reconnect: then these bytes are nobody's any more.
        while resets == self._resets:
            line_end = read.find(END, at)
            if line_end < 0:
                break
            begin = line_end + len(END)
            if read.startswith(MESSAGE, at):
                subject, sid, reply, header_size, size = _arguments(read[at:line_end])
                end = begin + size
                if len(read) < end + len(END):
                    break
                header = read[begin : begin + header_size]
                content = read[begin + header_size : end]
                at = end + len(END)
                if sink := self.sinks.get(sid):
                    sink(subject, reply, header, content)
                else:
                    await self.nc._process_msg(sid, subject, reply, content, header)
            else:
                rare, at = read[at:begin], begin
                await super().parse(rare)
        if resets == self._resets:
            self._rest = read[at:]


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
