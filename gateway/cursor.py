"""The SSE `id:`: opaque to clients, readable on every node.

A cursor is `<position>.<marks>.<cover>`: everything up to the position was told; four characters
stand for the epoch of each projection; four for each topic the stream carried, so that a client
that comes back for another one gets it whole, and so does one that comes back as somebody else:
`app` is everybody's own. Two topics share their four characters once in 17 million pairs.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from events.ids import Position
from gateway.holding import Holding
from gateway.topics import Topic
from projectors.catalog import PROJECTIONS
from projectors.views import Views

_NAMES = sorted(projection.name for projection in PROJECTIONS)
_MARK = 4
_TEXT = re.compile(
    rf"([0-9]{{1,18}})\.([A-Za-z0-9_-]{{{_MARK * len(_NAMES)}}})\.((?:[A-Za-z0-9_-]{{{_MARK}}})*)",
    re.ASCII,
)


class Cursor(Struct, frozen=True):
    position: Position
    marks: str
    cover: frozenset[str]

    def holding(self, topic: Topic, epoch: str) -> Holding | None:
        """What the bearer holds of a topic whose epoch is now `epoch`; None when the stream did not carry it."""
        if mark(topic.stored) not in self.cover:
            return None
        same = self.is_of(topic.projection, epoch)
        return Holding(epoch if same else "", self.position, exact=False)

    def is_of(self, projection: str, epoch: str) -> bool:
        """Whether the projection had this epoch when the cursor was made."""
        place = _NAMES.index(projection) * _MARK
        return self.marks[place : place + _MARK] == mark(epoch)


def mark(text: str) -> str:
    """Four characters that tell one epoch, or one topic, from another."""
    digest = hashlib.blake2b(text.encode(), digest_size=3).digest()
    return base64.urlsafe_b64encode(digest).decode()


def parse_cursor(text: str | None) -> Cursor | None:
    """The cursor of a reconnecting client; None for garbage, which is as good as none."""
    match = _TEXT.fullmatch(text or "")
    if match is None:
        return None
    position, marks, cover = match.groups()
    return Cursor(
        Position(int(position)),
        marks,
        frozenset(cover[place : place + _MARK] for place in range(0, len(cover), _MARK)),
    )


def cover_of(topics: Iterable[Topic]) -> bytes:
    """The part of the cursor that is one stream's own."""
    return "".join(sorted(mark(topic.stored) for topic in topics)).encode()


def epochs_of(views: Views) -> dict[str, str]:
    """The epoch that each projection has now."""
    return {projection: views.epoch(projection) for projection in _NAMES}


def epoch_marks(epochs: Mapping[str, str]) -> bytes:
    """The part of the cursor that changes with the projections' code."""
    return "".join(mark(epochs[projection]) for projection in _NAMES).encode()


class Stamp:
    """The `id:` lines of one position; streams with the same topics share theirs."""

    __slots__ = ("_head", "_lines")

    def __init__(self, position: Position, marks: bytes) -> None:
        self._head = b"id: %d.%b." % (position, marks)
        self._lines: dict[bytes, bytes] = {}

    def line(self, cover: bytes) -> bytes:
        """The whole line, for streams that carry the topics of `cover`."""
        line = self._lines.get(cover)
        if line is None:
            line = self._lines[cover] = self._head + cover + b"\n"
        return line
