"""A full disk: how it is recognised, and what it leaves behind.

The embedded nats-server goes on refusing commits when there is room again. After one failed write
it keeps that block of its store closed until it is started anew, and does not say so to whoever
publishes (seen with 2.15.1). An outside server is its operator's to start.
"""

import errno
import logging
import shutil
import sqlite3
from pathlib import Path
from time import monotonic

from runtime.embedded_server import EmbeddedServer

log = logging.getLogger(__name__)

ROOM_BYTES = 16 * 1024 * 1024
"""With less room than this a new start would end as the last one did."""

BETWEEN_SECONDS = 30.0


OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
OF_THE_DISK_TO_SQLITE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


def disk_refusal(error: BaseException) -> str | None:
    """Why the disk did not take a write (full, over quota, …); None for every other error.

    Nothing is wrong with what was to be written: the same succeeds once there is room.
    """
    match error:
        case OSError() if error.errno in OF_THE_DISK:
            return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        case sqlite3.Error():
            # The low byte; what stands above it says at which step. One that Python made itself has none.
            code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
            return str(error) if code & 0xFF in OF_THE_DISK_TO_SQLITE else None
    return None


class Remedy:
    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._applied = float("-inf")

    def apply(self) -> None:
        """Start the server anew, unless there is no room or it has just been tried."""
        free = shutil.disk_usage(self._folder).free
        if free < ROOM_BYTES:
            log.error("the disk of the log is full, commands wait for room", extra={"free": free})
        elif monotonic() - self._applied > BETWEEN_SECONDS:
            self._applied = monotonic()
            log.error("the embedded nats-server stores nothing, starting it anew")
            self._server.start_anew()
