"""States of long histories, in a SQLite file beside the cache: a load goes on from one and not from the first commit.

Nothing here is the truth, and nothing is missed when the file is deleted. A state is only taken if
the code that folded it is the code that runs, if its bytes are those that were written, and, which
whoever loads has to look at, if the log still has the commit it ends with.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from commands.decider import Kind
from commands.loaded import Loaded
from events.commit import Recorded
from events.ids import Position
from runtime.damage import remove

S = TypeVar("S")
T = TypeVar("T")

LONG = 500
"""A state is kept if loading it meant to fold at least this many commits."""

SHARE = 8
"""And as many more as an eighth of the commits it did not have to fold: the size of a state grows with its command keys."""

MOST = 5_000
"""At most this many states are kept; those that were kept longest ago go first."""

SCHEMA = """
CREATE TABLE states (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL UNIQUE,
    content BLOB NOT NULL,
    digest BLOB NOT NULL
);
"""

log = logging.getLogger(__name__)


class _Content(Struct, frozen=True, kw_only=True):
    """`fingerprint` is that of the last commit that was folded."""

    fingerprint: str
    state: Raw
    position: Position
    command_position: Position
    keys: dict[str, Position]


class Kept(Struct, frozen=True):
    """A state as it was kept, and the fingerprint of the last commit in it."""

    loaded: Loaded[object]
    fingerprint: str


class StateFile:
    """For one process. What goes wrong with it is logged, and costs time and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._kept: set[str] = set()
        """Subjects the file may have a state of: nearly all histories are short, and need no look into the file."""
        self._attempt(self._open)

    def find(self, kind: Kind[S], subject: str) -> Kept | None:
        """The state kept of a history; None if there is none, or none that can be trusted."""
        if subject not in self._kept:
            return None

        def read(db: sqlite3.Connection) -> Kept | None:
            row = db.execute(
                "SELECT content, digest FROM states WHERE subject = ?", (subject,)
            ).fetchone()
            if row is None or _digest(row[0]) != row[1]:
                return None
            content = msgspec.msgpack.decode(row[0], type=_Content)
            loaded = Loaded[object](
                state=msgspec.msgpack.decode(content.state, type=kind.shape),
                position=content.position,
                command_position=content.command_position,
                keys=content.keys,
            )
            return Kept(loaded, content.fingerprint)

        return self._attempt(read)

    def keep(self, loaded: Loaded[S], last: Recorded) -> None:
        """Replace what is kept of a history by this state; `last` is the last commit in it."""
        content = msgspec.msgpack.encode(
            _Content(
                fingerprint=last.fingerprint,
                state=Raw(msgspec.msgpack.encode(loaded.state)),
                position=loaded.position,
                command_position=loaded.command_position,
                keys=dict(loaded.keys),
            )
        )

        def write(db: sqlite3.Connection) -> None:
            with db:
                db.execute("BEGIN")
                # A new number, so that the oldest are those that were kept longest ago.
                db.execute("DELETE FROM states WHERE subject = ?", (last.subject,))
                db.execute(
                    "INSERT INTO states (subject, content, digest) VALUES (?, ?, ?)",
                    (last.subject, content, _digest(content)),
                )
                db.execute(
                    "DELETE FROM states WHERE n <= (SELECT n FROM states ORDER BY n DESC LIMIT 1 OFFSET ?)",
                    (MOST,),
                )

        self._attempt(write)
        self._kept.add(last.subject)

    def drop(self, subject: str) -> None:
        """Forget the state of a history whose commits turned out to be others."""
        self._attempt(lambda db: db.execute("DELETE FROM states WHERE subject = ?", (subject,)))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    # --- Inside ---

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            if self._db is None:
                self._db = self._connect()
            return work(self._db)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            log.warning(
                "kept states cannot be used",
                extra={"file": str(self._path), "reason": f"{error}"},
            )
            self._begin_anew()
            return None

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            # What a power cut makes of it is found by the digests, or by SQLite.
            db.execute("PRAGMA synchronous = OFF")
            # The event loop does not wait for another process that holds the file.
            db.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            db.close()
            raise
        return db

    def _open(self, db: sqlite3.Connection) -> None:
        code = int.from_bytes(_code()[:3], "big")
        if db.execute("PRAGMA user_version").fetchone()[0] != code:
            db.executescript(
                f"BEGIN; DROP TABLE IF EXISTS states; {SCHEMA} PRAGMA user_version = {code}; COMMIT;"
            )
        self._kept = {subject for (subject,) in db.execute("SELECT subject FROM states")}

    def _begin_anew(self) -> None:
        self.close()
        with suppress(OSError):
            remove(self._path)
        with suppress(sqlite3.Error):
            self._db = self._connect()
            self._open(self._db)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _code() -> bytes:
    """A digest of all code on which the content of a state depends."""
    told = hashlib.blake2b(digest_size=16)
    for package in ("commands", "events"):
        for file in sorted(files(package).iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                told.update(file.read_bytes())
    return told.digest()
