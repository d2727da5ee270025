"""One projection's SQLite file: rows, change log and checkpoint, always written in one transaction."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from events.ids import Position
from events.log_prefix import LogFingerprint
from projectors.rows import Written
from projectors.stored_rows import RowKey
from projectors.views import Change
from runtime.storage_errors import refuse_unwritable
from runtime.write_ahead import WriteAheadLog

SCHEMA = Path(__file__).with_name("schema.sql").read_text()

KEPT_CHANGES = 100_000
KEPT_BYTES = 256 * 1024 * 1024
PRUNE_EVERY = 512

TRANSACTION_BYTES = 6 * 4096
"""What the pages that even a small transaction writes have in all."""


class Checkpoint(Struct, frozen=True):
    """How far the file is."""

    fingerprint: LogFingerprint = LogFingerprint()
    complete: bool = False

    @property
    def position(self) -> Position:
        return self.fingerprint.position


class TopicVersion(Struct, frozen=True):
    topic: str
    version: Position
    ended: bool


class ProjectionFile:
    """The one writer of a file. Used by one thread at a time; readers have connections of their own."""

    def __init__(
        self,
        path: Path,
        *,
        numbered: frozenset[str],
        kept_changes: int = KEPT_CHANGES,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.path = path
        self.ahead = WriteAheadLog(path)
        self._numbered = numbered
        self._kept_changes = kept_changes
        self._kept_bytes = kept_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_unwritable(path)
        # Catch-up writes from a worker thread while the loop waits for it: one thread at a time.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            # Whatever a power cut takes is folded again from the log; the file itself stays sound.
            self._db.execute("PRAGMA synchronous = NORMAL")
            # Normally `ahead` does it, beside the event loop; this is for a catch-up, in its thread.
            self._db.execute("PRAGMA wal_autocheckpoint = 20000")
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = 1; COMMIT;")
            newest: tuple[int, int] = self._db.execute(
                "SELECT n, written FROM changes ORDER BY n DESC LIMIT 1"
            ).fetchone() or (0, 0)
            self._next_change, self._written = newest[0] + 1, newest[1]
            self._oldest_change, self._written_before = self._oldest()
            # The event loop does not wait for another process that holds the file.
            self._db.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    # --- What is stored ---

    def checkpoint(self) -> Checkpoint:
        fingerprint, complete = self._db.execute(
            "SELECT fingerprint, complete FROM checkpoint"
        ).fetchone()
        return Checkpoint(msgspec.json.decode(fingerprint, type=LogFingerprint), bool(complete))

    def version(self, topic: str) -> Position:
        """The version of a topic, also of one that ended; 0 for one that never was."""
        found = self._db.execute("SELECT version FROM topics WHERE topic = ?", (topic,)).fetchone()
        return Position(found[0] if found else 0)

    def value(self, key: RowKey) -> bytes | None:
        found = self._db.execute(
            "SELECT value FROM rows WHERE topic = ? AND entity = ? AND place = ? AND id = ?",
            self._place(key),
        ).fetchone()
        return found[0] if found else None

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        if entity is None:
            return self._db.execute(
                "SELECT topic, entity, id FROM rows WHERE topic = ?", (topic,)
            ).fetchall()
        return self._db.execute(
            "SELECT topic, entity, id FROM rows WHERE topic = ? AND entity = ?", (topic, entity)
        ).fetchall()

    def has(self, topic: str) -> bool:
        """Whether a topic has any row, shown or hidden."""
        found = self._db.execute("SELECT 1 FROM rows WHERE topic = ? LIMIT 1", (topic,))
        return found.fetchone() is not None

    # --- What is written ---

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes visible at once, or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled it back already; a COMMIT that was refused leaves it open.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.ahead.wrote(TRANSACTION_BYTES)

    def write_rows(self, pending: Mapping[str, Mapping[RowKey, Written]]) -> None:
        puts, removes, size = [], [], 0
        for rows in pending.values():
            for key, row in rows.items():
                if row.value is None:
                    removes.append(self._place(key))
                else:
                    value = row.encoded()
                    puts.append((*self._place(key), value, row.position))
                    size += len(value)
        self.ahead.wrote(size)
        # In the order of the table, so that neighbours land on a page that is at hand already.
        puts.sort()
        self._db.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET value = excluded.value, position = excluded.position",
            puts,
        )
        if removes:
            self._db.executemany(
                "DELETE FROM rows WHERE topic = ? AND entity = ? AND place = ? AND id = ?", removes
            )

    def write_topics(self, topics: Iterable[TopicVersion]) -> None:
        self._db.executemany(
            "INSERT INTO topics VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET version = excluded.version, ended = excluded.ended",
            [(topic.topic, topic.version, topic.ended) for topic in topics],
        )

    def write_changes(self, changes: Iterable[Change]) -> None:
        rows = []
        for change in changes:
            size = len(change.changes) + len(change.cause)
            self._written += size
            self.ahead.wrote(size)
            rows.append(
                (
                    self._next_change,
                    change.topic,
                    change.version,
                    change.base,
                    change.changes,
                    change.cause,
                    self._written,
                )
            )
            self._next_change += 1
        self._db.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        if self._next_change - self._oldest_change > self._kept_changes + PRUNE_EVERY:
            self._prune(self._next_change - self._kept_changes)
        elif self._written - self._written_before > self._kept_bytes:
            self._prune(self._oldest_change + (self._next_change - self._oldest_change + 3) // 4)

    def forget_changes(self) -> None:
        """Rows are about to change without an entry in the change log: what it has leads nowhere any more."""
        self._db.execute("DELETE FROM changes")
        self._oldest_change, self._written_before = self._oldest()

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._db.execute(
            "UPDATE checkpoint SET position = ?, fingerprint = ?, complete = ?",
            (
                checkpoint.position,
                msgspec.json.encode(checkpoint.fingerprint).decode(),
                checkpoint.complete,
            ),
        )

    # --- Inside ---

    def _place(self, key: RowKey) -> tuple[str, str, int, str]:
        topic, entity, id = key
        return topic, entity, int(id) if entity in self._numbered else 0, id

    def _oldest(self) -> tuple[int, int]:
        """The number of the oldest change that is kept, and how much had been logged when it was."""
        found: tuple[int, int] | None = self._db.execute(
            "SELECT n, written FROM changes ORDER BY n LIMIT 1"
        ).fetchone()
        return found or (self._next_change, self._written)

    def _prune(self, first_kept: int) -> None:
        self._db.execute("DELETE FROM changes WHERE n < ?", (first_kept,))
        self._oldest_change, self._written_before = self._oldest()
