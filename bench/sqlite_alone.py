"""The writes of a fold by themselves: recorded first, then done again by SQLite with nothing beside it."""

import sqlite3
import time
from contextlib import aclosing, closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.file import SCHEMA
from projectors.folding import Folding
from projectors.projection import Projection
from projectors.read_until import read_until
from projectors.rows import Rows, Sealed
from projectors.stored_rows import NoRows

COMMITS_OF_A_TRANSACTION = 1000


class Row(NamedTuple):
    """A row as it is put; `value` None removes it."""

    topic: str
    entity: str
    id: str
    value: bytes | None
    position: int


class _Recording(Rows):
    """Rows in memory that remember every version there was of them, commit by commit."""

    def __init__(self) -> None:
        super().__init__(NoRows())
        self.versions: list[list[Row]] = []

    def seal(self, position: Position) -> dict[str, Sealed]:
        written = [(key, self.pending[key[0]][key]) for key in self.written]
        sealed = super().seal(position)
        self.versions.append(
            [
                Row(*key, None if row.value is None else row.encoded(), position)
                for key, row in written
            ]
        )
        return sealed


async def seconds_of_sqlite_alone(
    store: EventStore, projection: Projection, scratch: Path, until: Position
) -> float:
    """How long SQLite takes for all that the log's commits write, in memory before and in large transactions."""
    written = await _recorded(store, projection, until)
    transactions = [
        list(chain.from_iterable(written[start : start + COMMITS_OF_A_TRANSACTION]))
        for start in range(0, len(written), COMMITS_OF_A_TRANSACTION)
    ]
    began = time.perf_counter()
    _write(transactions, scratch / "alone.sqlite3")
    return time.perf_counter() - began


async def _recorded(store: EventStore, projection: Projection, until: Position) -> list[list[Row]]:
    """What each commit writes."""
    rows = _Recording()
    folding = Folding(projection, rows)
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for batch in batches:
            for commit in batch:
                if commit.kind in projection.kinds:
                    folding.fold(commit)
    return rows.versions


def _write(transactions: list[list[Row]], path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # As fast as it goes: a file that need not survive anything.
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(SCHEMA)
        for rows in transactions:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO rows VALUES (?, ?, 0, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET value = excluded.value, position = excluded.position",
                [row for row in rows if row.value is not None],
            )
            db.executemany(
                "DELETE FROM rows WHERE topic = ? AND entity = ? AND place = 0 AND id = ?",
                [row[:3] for row in rows if row.value is None],
            )
            db.execute("COMMIT")
