"""A projection's own rows while it folds: reads see its own writes, a commit is kept or undone as a whole.

Nothing is written through: the file takes everything that is pending in one transaction.
"""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from events.ids import Position

T = TypeVar("T", bound=Struct)

RowKey = tuple[str, str, str]
"""Topic, entity, id."""

CACHED_BYTES = 16 * 1024 * 1024
LARGE = 32 * 1024
"""Rows above this many bytes (patches, file contents) are written and hardly ever folded again."""


class Stored(Protocol):
    """Where rows are when they are not pending: a file, or nowhere."""

    def value(self, key: RowKey) -> bytes | None:
        """The row's JSON, None when there is no such row."""

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        """All rows of a topic, or those of one entity, in the order of the view."""


class Nothing:
    """No rows at all: for folding a history in memory."""

    def value(self, key: RowKey) -> bytes | None:
        return None

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        return ()


class Written(Struct):
    """A pending row; `value` None means it is to be deleted. `json` is filled in when first encoded."""

    value: Struct | None
    position: Position
    json: bytes | None = None
    once: bool = False
    """Never looked at again by the fold: no use keeping it in memory once it is in the file."""

    def encoded(self) -> bytes:
        if self.json is None:
            self.json = _encode(self.value)
        return self.json


class Touched(Struct, frozen=True):
    """What one commit did to one row that a view shows; `row` None: it is gone from the view."""

    key: RowKey
    row: Written | None


class Sealed(Struct):
    """What one commit changed in one topic; `event` names the first of its events that did."""

    event: str
    touched: list[Touched]
    ended: bool = False


class Rows:
    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._cache: dict[RowKey, tuple[Struct, int]] = {}
        self._cached_bytes = 0
        self.pending: dict[str, dict[RowKey, Written]] = {}
        """Rows the file does not have yet, by topic."""
        self._before: dict[RowKey, Written | None] = {}
        self._shown: dict[RowKey, bool] = {}
        self._events: dict[str, str] = {}
        self._ended: set[str] = set()
        self._event = ""

    # --- What projections call ---

    def get(self, topic: str, entity: str, id: str, type: type[T]) -> T | None:
        """A row as `type`, None when there is none."""
        value = self._value((topic, entity, id), type)
        assert value is None or isinstance(value, type)
        return value

    def put(self, topic: str, entity: str, id: str, value: Struct) -> None:
        """Make a row be `value`; a row that is equal already is left alone."""
        key = (topic, entity, id)
        if self._value(key, type(value)) != value:
            self._write(key, value)

    def add(self, topic: str, entity: str, id: str, value: Struct, *, shown: bool = True) -> None:
        """Like `put` for a row that cannot be there yet. Not `shown`: older than the view's window."""
        self._write((topic, entity, id), value)
        self.pending[topic][topic, entity, id].once = True
        if not shown:
            self._shown[topic, entity, id] = False

    def remove(self, topic: str, entity: str, id: str) -> None:
        """There is no such row from now on."""
        key = (topic, entity, id)
        if self._exists(key):
            self._write(key, None)

    def retire(self, topic: str, entity: str, id: str) -> None:
        """The row has left the view's window; it stays stored for whoever pages back."""
        key = (topic, entity, id)
        self._shown[key] = False
        self._events.setdefault(topic, self._event)

    def ids(self, topic: str, entity: str) -> list[str]:
        """The ids of an entity's rows, in no particular order."""
        return [id for _, _, id in self._keys(topic, entity)]

    def end(self, topic: str) -> None:
        """The topic is over: every row goes, shown or hidden, and nobody finds it any more."""
        for key in self._keys(topic, None):
            self._write(key, None)
        self._ended.add(topic)

    # --- What the one who folds calls ---

    def begin(self, event: str) -> None:
        """What is written from here on is the doing of this event."""
        self._event = event

    def seal(self, position: Position) -> dict[str, Sealed]:
        """Keep what the commit at `position` wrote and tell, by topic, what a view shows of it."""
        sealed: dict[str, Sealed] = {}
        for key in self._before:
            topic, entity, _ = key
            row = self.pending[topic][key]
            row.position = position
            if entity[0] != "_" and self._shown.get(key, True):
                self._tell(sealed, topic).touched.append(
                    Touched(key, row if row.value is not None else None)
                )
        for key, shown in self._shown.items():
            if not shown and key not in self._before:
                self._tell(sealed, key[0]).touched.append(Touched(key, None))
        for topic in self._ended:
            self._tell(sealed, topic).ended = True
        self._forget_commit()
        return sealed

    @property
    def written(self) -> Collection[RowKey]:
        """The rows written since the last `seal`."""
        return self._before.keys()

    def undo(self) -> None:
        """Take back all that was written since the last `seal`."""
        for key, before in self._before.items():
            if before is None:
                del self.pending[key[0]][key]
            else:
                self.pending[key[0]][key] = before
        self._forget_commit()

    def flushed(self) -> None:
        """The file has all that was pending."""
        for rows in self.pending.values():
            for key, row in rows.items():
                self._uncache(key)
                if row.once or row.value is None or row.json is None:
                    continue
                if len(row.json) < LARGE:
                    self._cache_row(key, row.value, len(row.json))
        self.pending.clear()

    def drop(self) -> None:
        """Forget everything that is not in the file."""
        self.pending.clear()
        self._cache.clear()
        self._cached_bytes = 0
        self._forget_commit()

    # --- Inside ---

    def _tell(self, sealed: dict[str, Sealed], topic: str) -> Sealed:
        if topic not in sealed:
            sealed[topic] = Sealed(self._events.get(topic, self._event), [])
        return sealed[topic]

    def _forget_commit(self) -> None:
        self._before.clear()
        self._shown.clear()
        self._events.clear()
        self._ended.clear()

    def _value(self, key: RowKey, type: type[T]) -> Struct | None:
        rows = self.pending.get(key[0])
        if rows is not None and key in rows:
            return rows[key].value
        if key in self._cache:
            value, size = self._cache.pop(key)
            self._cache[key] = (value, size)
            return value
        json = self._stored.value(key)
        if json is None:
            return None
        decoded = _decode(json, type)
        if len(json) < LARGE:
            self._cache_row(key, decoded, len(json))
        return decoded

    def _exists(self, key: RowKey) -> bool:
        rows = self.pending.get(key[0], {})
        if key in rows:
            return rows[key].value is not None
        return key in self._cache or self._stored.value(key) is not None

    def _keys(self, topic: str, entity: str | None) -> list[RowKey]:
        pending = self.pending.get(topic, {})
        keys = [key for key in self._stored.keys(topic, entity) if key not in pending]
        keys += [
            key
            for key, row in pending.items()
            if row.value is not None and (entity is None or key[1] == entity)
        ]
        return keys

    def _write(self, key: RowKey, value: Struct | None) -> None:
        topic, entity, _ = key
        rows = self.pending.setdefault(topic, {})
        self._before.setdefault(key, rows.get(key))
        rows[key] = Written(value, Position(0))
        if entity[0] != "_":
            self._events.setdefault(topic, self._event)

    def _cache_row(self, key: RowKey, value: Struct, size: int) -> None:
        self._cache[key] = (value, size)
        self._cached_bytes += size
        while self._cached_bytes > CACHED_BYTES:
            self._uncache(next(iter(self._cache)))

    def _uncache(self, key: RowKey) -> None:
        if cached := self._cache.pop(key, None):
            self._cached_bytes -= cached[1]


_encode = msgspec.json.Encoder().encode
_decoders: dict[type[Struct], msgspec.json.Decoder[Struct]] = {}


def _decode(json: bytes, type: type[T]) -> Struct:
    decoder = _decoders.get(type)
    if decoder is None:
        decoder = _decoders[type] = msgspec.json.Decoder(type)
    return decoder.decode(json)
