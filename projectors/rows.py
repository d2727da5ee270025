"""A projection's own rows while it folds: reads see its own writes, a commit is kept or undone as a whole.

Nothing is written through: the file takes everything that is pending in one transaction.
"""

from collections.abc import Collection
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.ids import BEGINNING, Position
from projectors.stored_rows import RowKey, StoredRows

T = TypeVar("T", bound=Struct)

HIDDEN = "_"
"""Entities whose names begin with this are shown by no view."""

CACHED_BYTES = 16 * 1024 * 1024
ABSENT_BYTES = 256
"""About what it costs to remember that there is no such row."""
KNOWN_TOPICS = 20_000
LARGE = 32 * 1024
"""Rows above this many bytes (patches, file contents) are written and hardly ever folded again."""


class Row(Struct, frozen=True, gc=False):
    """What a projection stores. Nothing in it can refer to itself, so nobody has to look for cycles."""


class Written(Struct, gc=False):
    """A pending row; `value` None means it is to be deleted. `json` is filled in when first encoded."""

    value: Struct | None
    position: Position
    json: bytes | None = None
    once: bool = False
    """Never looked at by the fold, neither before nor after: no use keeping it in memory once it is in the file."""

    def encoded(self) -> bytes:
        if self.json is None:
            self.json = _encode(self.value)
        return self.json


class Sealed(Struct, gc=False):
    """What one commit changed in one topic; `event` names the first of its events that did.

    `touched` are the rows that a view shows, None for those that are gone from it.
    """

    event: str
    touched: dict[RowKey, Written | None]
    ended: bool = False


class Rows:
    def __init__(self, stored: StoredRows) -> None:
        self._stored = stored
        self._cache: dict[RowKey, tuple[Struct | None, int]] = {}
        self._cached_bytes = 0
        self._in_file: dict[str, bool] = {}
        """Whether the file has a topic, if it was asked. Most rows that are looked for in vain are of a new topic."""
        self.pending: dict[str, dict[RowKey, Written]] = {}
        """Rows the file does not have yet, by topic."""
        self.waiting = 0
        """How many rows are pending."""
        self._before: dict[RowKey, Written | None] = {}
        """What was pending where the commit that is being folded wrote, for `undo`."""
        self._sealed: dict[str, Sealed] = {}
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
            row = self._write(key, value)
            if entity[0] != HIDDEN:
                self._tell(topic).touched[key] = row

    def patch(self, topic: str, entity: str, id: str, type: type[T], **changes: object) -> None:
        """Change fields of a row, if there is one."""
        row = self.get(topic, entity, id, type)
        if row is not None:
            self.put(topic, entity, id, replace(row, **changes))

    def add(self, topic: str, entity: str, id: str, value: Struct, *, shown: bool = True) -> None:
        """Like `put` for a row that cannot be there yet. Not `shown`: older than the view's window."""
        key = (topic, entity, id)
        row = self._write(key, value)
        row.once = True
        if shown and entity[0] != HIDDEN:
            self._tell(topic).touched[key] = row

    def remove(self, topic: str, entity: str, id: str) -> None:
        """Delete a row."""
        key = (topic, entity, id)
        if self._exists(key):
            self._delete(key)

    def retire(self, topic: str, entity: str, id: str) -> None:
        """The row has left the view's window; it stays stored for whoever pages back."""
        self._tell(topic).touched[topic, entity, id] = None

    def ids(self, topic: str, entity: str) -> list[str]:
        """The ids of an entity's rows, sorted, so that every node makes the same of them in the same order."""
        return sorted(id for _, _, id in self._keys(topic, entity))

    def end(self, topic: str) -> None:
        """The topic is over: every row goes, shown or hidden, and nobody finds it any more.

        That the view itself goes is no change of it: streams say `gone`.
        """
        for key in self._keys(topic, None):
            self._delete(key)
        told = self._tell(topic)
        told.ended = True
        told.touched = {key: row for key, row in told.touched.items() if key[1] != "self"}

    # --- What the one who folds calls ---

    def begin(self, event: str) -> None:
        """What is written from here on is caused by this event."""
        self._event = event

    def seal(self, position: Position) -> dict[str, Sealed]:
        """Keep what the commit at `position` wrote; gives, by topic, what of that a view shows."""
        for key in self._before:
            self.pending[key[0]][key].position = position
        sealed = self._sealed
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
                self.waiting -= 1
            else:
                self.pending[key[0]][key] = before
        self._forget_commit()

    def flushed(self) -> None:
        """The file has all that was pending."""
        for topic, rows in self.pending.items():
            if topic in self._in_file:
                self._in_file[topic] = True
            for key, row in rows.items():
                if row.once:
                    continue
                self._uncache(key)
                if row.value is not None and row.json is not None and len(row.json) < LARGE:
                    self._cache_row(key, row.value, len(row.json))
        self.pending.clear()
        self.waiting = 0

    def drop(self) -> None:
        """Forget everything that is not in the file."""
        self.pending.clear()
        self.waiting = 0
        self._cache.clear()
        self._cached_bytes = 0
        self._in_file.clear()
        self._forget_commit()

    # --- Inside ---

    def _tell(self, topic: str) -> Sealed:
        sealed = self._sealed.get(topic)
        if sealed is None:
            sealed = self._sealed[topic] = Sealed(self._event, {})
        return sealed

    def _forget_commit(self) -> None:
        self._before = {}
        self._sealed = {}

    def _value(self, key: RowKey, type: type[T]) -> Struct | None:
        rows = self.pending.get(key[0])
        if rows is not None:
            row = rows.get(key)
            if row is not None:
                return row.value
        cached = self._cache.pop(key, None)
        if cached is not None:
            self._cache[key] = cached
            return cached[0]
        if not self._is_in_file(key[0]):
            return None
        json = self._stored.value(key)
        if json is None:
            self._cache_row(key, None, ABSENT_BYTES)
            return None
        decoded = _decode(json, type)
        if len(json) < LARGE:
            self._cache_row(key, decoded, len(json))
        return decoded

    def _exists(self, key: RowKey) -> bool:
        rows = self.pending.get(key[0], {})
        if key in rows:
            return rows[key].value is not None
        if key in self._cache:
            return self._cache[key][0] is not None
        return self._is_in_file(key[0]) and self._stored.value(key) is not None

    def _is_in_file(self, topic: str) -> bool:
        known = self._in_file.get(topic)
        if known is None:
            while len(self._in_file) >= KNOWN_TOPICS:
                del self._in_file[next(iter(self._in_file))]
            known = self._in_file[topic] = self._stored.has(topic)
        return known

    def _keys(self, topic: str, entity: str | None) -> list[RowKey]:
        pending = self.pending.get(topic, {})
        keys = []
        if self._is_in_file(topic):
            keys = [key for key in self._stored.keys(topic, entity) if key not in pending]
        keys += [
            key
            for key, row in pending.items()
            if row.value is not None and (entity is None or key[1] == entity)
        ]
        return keys

    def _write(self, key: RowKey, value: Struct | None) -> Written:
        rows = self.pending.setdefault(key[0], {})
        before = rows.get(key)
        if before is None:
            self.waiting += 1
        if key not in self._before:
            self._before[key] = before
        row = rows[key] = Written(value, BEGINNING)
        return row

    def _delete(self, key: RowKey) -> None:
        self._write(key, None)
        if key[1][0] != HIDDEN:
            self._tell(key[0]).touched[key] = None

    def _cache_row(self, key: RowKey, value: Struct | None, size: int) -> None:
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
