"""The writes of a fold by themselves: recorded first, then done again by SQLite with nothing beside it."""

import sqlite3
from collections.abc import Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import NamedTuple

from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.file import SCHEMA, ProjectionFile
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.read_until import read_until
from projectors.rows import RowKey, Written


class Row(NamedTuple):
    """A row as it is put; `value` None removes it."""

    topic: str
    entity: str
    id: str
    value: bytes | None
    position: int


class _Recording(ProjectionFile):
    """A file that remembers what it is told to write, transaction by transaction."""

    def __init__(self, path: Path, numbered: frozenset[str]) -> None:
        super().__init__(path, numbered=numbered)
        self.written: list[list[Row]] = []

    def write_rows(self, pending: Mapping[str, Mapping[RowKey, Written]]) -> None:
        super().write_rows(pending)
        self.written.append(
            [
                Row(*key, None if row.value is None else row.encoded(), row.position)
                for rows in pending.values()
                for key, row in rows.items()
            ]
        )


async def recorded_writes(
    store: EventStore, projection: Projection, path: Path, until: Position, *, commits: int
) -> list[list[Row]]:
    """What the projection writes when it is flushed every so many commits."""
    file = _Recording(path, projection.numbered)
    projector = Projector(projection, "bench", file)
    with closing(projector):
        async with aclosing(read_until(store, BEGINNING, until)) as batches:
            async for batch in batches:
                for number, commit in enumerate(batch, 1):
                    projector.fold(commit, logging_changes=False)
                    if not number % commits:
                        projector.flush(forget_changes=True)
        projector.flush(forget_changes=True)
    return file.written


def write_again(transactions: list[list[Row]], path: Path) -> None:
    """The same writes into a new file that need not survive anything."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(SCHEMA)
        for rows in transactions:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO rows VALUES (?, ?, 0, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET value = excluded.value, position = excluded.position",
                sorted(row for row in rows if row.value is not None),
            )
            db.executemany(
                "DELETE FROM rows WHERE topic = ? AND entity = ? AND place = 0 AND id = ?",
                [row[:3] for row in rows if row.value is None],
            )
            db.execute("COMMIT")
