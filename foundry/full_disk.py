"""A full disk: how it is recognised, and what it leaves behind.

The embedded nats-server goes on refusing commits when there is room again. After one failed write
it keeps that block of its store closed until it is started anew, and does not say so to whoever
publishes (seen with 2.15.1). An outside server is its operator's to start.
"""

import asyncio
import errno
import logging
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic

from events.jetstream import JetStreamStore
from runtime.connection import Connection
from runtime.embedded_files import EmbeddedFiles
from runtime.embedded_server import EmbeddedServer

log = logging.getLogger(__name__)

ROOM_BYTES = 16 * 1024 * 1024
"""With less room than this a new start would end as the last one did."""

BETWEEN_SECONDS = 30.0
LOOK_SECONDS = 1.0


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
            return str(error) if primary_code(error) in OF_THE_DISK_TO_SQLITE else None
    return None


def primary_code(error: sqlite3.Error) -> int:
    """The low byte; what stands above it says at which step. One that Python made itself has none."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def no_room(folder: Path) -> str | None:
    """What the disk has against anything new in this folder, which may be gone; None if it takes it."""
    try:
        free = shutil.disk_usage(folder).free
        if free < ROOM_BYTES:
            return f"{free >> 20} MiB free at {folder}"
        # A disk that turned read-only after an error says so to nobody who does not write.
        with TemporaryFile(dir=folder) as file:
            file.write(b"?")
    except OSError as error:
        return f"{error.strerror}: {folder}"
    return None


class Remedy:
    """Has the embedded server, which works in `folder`, started anew when it stores nothing though it could.

    Also when what it stores is in no folder any more, since its files were removed under it: the new
    one has no log, and nothing is acknowledged that would be gone with the process.
    """

    def __init__(
        self, server: EmbeddedServer, store: JetStreamStore, connection: Connection, folder: Path
    ) -> None:
        self._server = server
        self._store = store
        self._connection = connection
        self._folder = folder
        self._files = EmbeddedFiles(folder)
        self._applied = float("-inf")

    def apply(self) -> None:
        """For a commit that was refused: start the server anew, unless there is no room."""
        if (reason := no_room(self._folder)) is None:
            self._start_anew("it refused a commit, and there is room")
        else:
            log.error("the disk of the log takes nothing, commands wait", extra={"reason": reason})

    async def watch(self) -> None:
        """Do that as soon as there is room again, until cancelled: nobody has to be refused once more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # A large log takes a new server a minute: whoever does not answer yet has refused nothing.
            silent = self._store.refused_at is not None and self._store.refused_with is None
            if silent and self._connection.connected and no_room(self._folder) is None:
                self._start_anew("it refused a commit, and there is room again")
            if not self._files.has_store():
                self._start_anew(f"its files were removed: {self._files.store}")

    def no_room(self) -> str | None:
        """What the disk of the log has against anything new."""
        return no_room(self._folder)

    def _start_anew(self, reason: str) -> None:
        if monotonic() - self._applied > BETWEEN_SECONDS:
            self._applied = monotonic()
            log.error(
                "the embedded nats-server stores nothing, starting it anew",
                extra={"reason": reason},
            )
            self._server.start_anew()
