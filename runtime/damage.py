"""Damaged SQLite files. All of ours are made from the event log, so a damaged one is removed and made anew."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.storage_errors import primary_code

log = logging.getLogger(__name__)

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
PARTS = ("", "-wal", "-shm")


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file is at fault, and not the disk or what was asked."""
    return primary_code(error) in DAMAGED


@contextmanager
def taken_away_if_damaged(path: Path | str) -> Iterator[None]:
    """Inside, an error that says the file is damaged removes it, and is raised all the same: the next to open it finds none."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_damaged(error):
            log.error(
                "a damaged file is taken away, to be built anew from the log",
                extra={"file": str(path), "reason": str(error)},
            )
            remove(path)
        raise


def remove(path: Path | str) -> None:
    """Remove a file that nobody has open, or that nobody can use, and its write-ahead log."""
    for part in PARTS:
        Path(f"{path}{part}").unlink(missing_ok=True)
