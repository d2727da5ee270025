"""The SQLite file of the directory. Many batches share a transaction, which ends with their checkpoint.

A transaction for each batch would cost a command more than its rows do, and so would the lock that each
question takes outside of one. What a kill takes along is read from the log again.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from time import monotonic
from typing import Any

from msgspec import json

from events.log_prefix import LogFingerprint
from projectors.epoch import digest_of
from runtime.damage import taken_away_if_damaged
from runtime.storage_errors import refuse_unwritable
from runtime.write_ahead import WriteAheadLog

SCHEMA = files("commands").joinpath("directory_schema.sql").read_text()
FILLED_WITH = ("commands.directory_rows", "commands.keys", "events.codec")

COMMITS_TOGETHER = 500
SECONDS_TOGETHER = 1.0

TRANSACTION_BYTES = 4 * 4096
COMMIT_BYTES = 2 * 4096
"""About what one commit adds to the pages of a transaction: keys are spread over all pages of their table."""

UNSETTLED_BYTES = 16 * 1024 * 1024
"""Thousands of commands a second rewrite the same pages: moved more often they would cost a fifth of a command."""


@cache
def version() -> int:
    """Identifies the schema and the code that fills it: a file that other code wrote is made anew from the log.

    For older code may have passed by commits that it could not read.
    """
    return int.from_bytes(digest_of(SCHEMA, *FILLED_WITH)[:3], "big")


class DirectoryFile:
    """Its one connection sees what was written at once, also before the transaction ends."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._db = _connect(path)
        self._ahead = WriteAheadLog(path, unsettled=UNSETTLED_BYTES)
        self._open_commits = 0
        self._ended_at = monotonic()
        self.fingerprint = _fingerprint_in(self._db)
        """What of the log was written down by the end of the last transaction. Known also while nothing can be read."""

    @property
    def lost_commits(self) -> bool:
        """Whether SQLite has undone the transaction: it does when a question meets an error of the disk, or no memory."""
        return self._open_commits > 0 and not self._db.in_transaction

    def ask(self, question: str, *values: str | bytes) -> list[tuple[Any, ...]]:
        with taken_away_if_damaged(self._path):
            return self._db.execute(question, values).fetchall()

    @contextmanager
    def writing(self, commits: int) -> Iterator[sqlite3.Connection]:
        """Inside, write what this many commits say. If that fails, all since the end of the last transaction is undone."""
        with self._undone_if_it_fails():
            if self.lost_commits:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(self._path))
            if not self._db.in_transaction:
                self._db.execute("BEGIN")
            yield self._db
        self._open_commits += commits

    @property
    def is_due(self) -> bool:
        """Whether enough was written, or for long enough, to end the transaction."""
        long_ago = monotonic() - self._ended_at >= SECONDS_TOGETHER
        return long_ago or self._open_commits >= COMMITS_TOGETHER

    def end(self, fingerprint: LogFingerprint) -> None:
        """End the transaction, if there is one."""
        self._ended_at = monotonic()
        if not self._db.in_transaction:
            return
        with self._undone_if_it_fails():
            told = json.encode(fingerprint).decode()
            self._db.execute("UPDATE checkpoint SET fingerprint = ?", (told,))
            self._db.commit()
        self.fingerprint = fingerprint
        self._ahead.wrote(TRANSACTION_BYTES + self._open_commits * COMMIT_BYTES)
        self._open_commits = 0

    async def settle(self) -> None:
        """Between two transactions: see `WriteAheadLog`."""
        await self._ahead.settle()

    def begin_anew(self) -> None:
        """Forget all that was written."""
        self._db.rollback()
        self._open_commits = 0
        _create(self._db)
        self.fingerprint = _fingerprint_in(self._db)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        try:
            with taken_away_if_damaged(self._path):
                yield
        except BaseException:
            self._open_commits = 0
            # SQLite has undone it by itself where the disk refused it.
            with suppress(sqlite3.Error):
                self._db.rollback()
            raise


def _connect(path: Path | str) -> sqlite3.Connection:
    refuse_unwritable(path)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # Losing the newest commits in a crash of the machine is harmless: they are read again.
        db.execute("PRAGMA synchronous = NORMAL")
        # `WriteAheadLog` does it beside the event loop; this is for a start far behind the log.
        db.execute("PRAGMA wal_autocheckpoint = 20000")
        if db.execute("PRAGMA user_version").fetchone()[0] != version():
            _create(db)
        # The event loop does not wait for another process that holds the file.
        db.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    drops = "".join(f'DROP TABLE "{name}";' for (name,) in tables)
    db.executescript(f"BEGIN; {drops} {SCHEMA} PRAGMA user_version = {version()}; COMMIT;")


def _fingerprint_in(db: sqlite3.Connection) -> LogFingerprint:
    (fingerprint,) = db.execute("SELECT fingerprint FROM checkpoint").fetchone()
    return json.decode(fingerprint, type=LogFingerprint)
