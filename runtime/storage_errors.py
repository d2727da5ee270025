"""What the system and SQLite say when a disk or a file does not do its work now, though nothing is wrong with what was asked."""

import errno
import os
import sqlite3
from pathlib import Path

OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
OF_THE_DISK_TO_SQLITE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
HELD_BY_ANOTHER = frozenset({sqlite3.SQLITE_BUSY})
"""Another process writes the file, or reads it in a way that lets nobody write."""


def storage_refusal(error: BaseException) -> str | None:
    """Why a file did not take a write (full, over quota, held by somebody, …); None for every other error.

    Nothing is wrong with what was to be written: the same succeeds once there is room, or the file is free.
    """
    match error:
        case OSError() if error.errno in OF_THE_DISK:
            return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        case sqlite3.Error():
            passes = primary_code(error) in OF_THE_DISK_TO_SQLITE | HELD_BY_ANOTHER
            return str(error) if passes else None
        case _:
            return None


def primary_code(error: sqlite3.Error) -> int:
    """The low byte; what stands above it says at which step. One that Python made itself has none."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def refuse_unwritable(path: Path | str) -> None:
    """Call before SQLite opens a file to write it. Raises `PermissionError` for one that this user may not write.

    SQLite would open it to read, say so at the first write, and stay at that when the file may be written again.
    """
    if os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
