"""SQLite's write-ahead logs, moved into their files (SQLite's word is checkpoint) in a thread: each move waits for the disk twice."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

UNSETTLED_BYTES = 2 * 1024 * 1024
"""A log of more than this is moved. A move flushes all of it at once, and commits of the event log wait behind that flush."""

MOST_BYTES = 64 * 1024 * 1024
"""A writer that wrote more than this while a move was under way waits for its end."""

log = logging.getLogger(__name__)


class WriteAheadLog:
    """The log of one file with one writer, which tells with `wrote` how much it wrote."""

    def __init__(
        self, path: Path | str, *, unsettled: int = UNSETTLED_BYTES, most: int = MOST_BYTES
    ) -> None:
        self._path = path
        self._unsettled = unsettled
        self._most = most
        self._bytes = 0
        self._moving: asyncio.Task[None] | None = None

    def wrote(self, size: int) -> None:
        """Count bytes of a transaction. May be called from the writer's thread."""
        self._bytes += size

    async def settle(self) -> None:
        """Called between two transactions: begins to move the log once it is large, and lets the writer go on.

        SQLite writes the log from its beginning again only once all of it was moved. So the call after
        a move moves what came meanwhile, which is little, and waits for that.
        """
        if self._moving is None:
            if self._bytes > self._unsettled:
                self._bytes = 0
                move = asyncio.to_thread(_move, self._path)
                self._moving = asyncio.create_task(move, name=f"settling {self._path}")
        elif self._moving.done() or self._bytes > self._most:
            await asyncio.wait([self._moving])
            self._moving = None
            await asyncio.to_thread(_move, self._path)


def _move(path: Path | str) -> None:
    # A connection of its own: with the writer's, the writer would wait. It must not make a file that was taken away.
    uri = f"{Path(path).absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            # Only a connection that has read something knows that there is a log.
            db.execute("SELECT 1 FROM sqlite_schema").fetchone()
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as error:
        log.warning(
            "a write-ahead log was not moved", extra={"file": str(path), "reason": f"{error}"}
        )
