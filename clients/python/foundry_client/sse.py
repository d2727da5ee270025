"""Server-Sent Events from bytes, however the network cut them (WHATWG HTML, "Parsing an event stream")."""

import codecs
import re
from collections.abc import Iterator

from msgspec import Struct

_MILLISECONDS = re.compile("[0-9]{1,9}")


class Event(Struct, frozen=True):
    """`id` is None where the event had no such line: then the last one still holds."""

    name: str
    data: str
    id: str | None = None


class EventReader:
    """Fed with bytes, gives whole events. `retry_ms` is what the server last asked for."""

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._line: list[str] = []
        self._after_return = False
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        text = self._decoder.decode(piece)
        if not text:
            return
        if not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if self._after_return and text:
            # A CR ended the line already; an LF behind it belongs to it.
            self._after_return = False
            text = text.removeprefix("\n")
        yield from self._lines(text)

    def _lines(self, text: str) -> Iterator[Event]:
        """Only CR, LF and CRLF end a line: U+2028 may stand inside JSON."""
        self._after_return = text.endswith("\r")
        *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            self._line.append(line)
            event = self._take("".join(self._line))
            self._line.clear()
            if event is not None:
                yield event
        if rest:
            self._line.append(rest)

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatched()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and _MILLISECONDS.fullmatch(value):
            self.retry_ms = int(value)
        return None

    def _dispatched(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data), self._id)
        has_data = bool(self._data)
        self._name, self._data, self._id = "", [], None
        return event if has_data else None
