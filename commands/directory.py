"""The write side's own index of the log, in a SQLite file fed by the tail: it locates, it never decides.

What it says may be a moment behind. Whoever decides confirms it on the aggregate itself.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from msgspec import Struct, convert

from commands.directory_file import DirectoryFile
from commands.directory_rows import rows_of
from commands.keys import short_key
from events.codec import Undecodable
from events.commit import Recorded
from events.ids import (
    JobId,
    OrganizationId,
    Position,
    RepositoryId,
    TaskId,
)
from events.log_prefix import LogPrefix, is_prefix_of, note_cut
from events.store import EventStore
from events.waiting import Waiting
from runtime.damage import is_damaged, taken_away_if_damaged

CATCH_UP_SECONDS = 5.0


class Located(Struct, frozen=True):
    """Where a thing is ruled: `task`/`task_1` for a session of that task."""

    id: str
    kind: str
    organization_id: OrganizationId | None
    aggregate: str
    aggregate_id: str


class OpenJob(Struct, frozen=True):
    """A job that was announced at a position and has not ended.

    `sandbox_host` holds the sandbox of its task, `started_on` is where it was last taken up.
    """

    job_id: JobId
    kind: str
    organization_id: OrganizationId
    repository_id: RepositoryId | None
    task_id: TaskId | None
    announced_in: str
    announced_by: str
    announced_position: Position
    opened: bool
    sandbox_host: str | None
    started_on: str | None


class Directory:
    """A `events.feed.Follower` with a checkpoint that outlives the process. Open it with `Directory.open`."""

    def __init__(self, path: Path | str, store: EventStore) -> None:
        self.path = path
        self._file = DirectoryFile(path)
        self._store = store
        self._waiting = Waiting()
        self._stand_where_the_file_ends()

    @classmethod
    async def open(cls, path: Path | str, store: EventStore) -> Self:
        """Go on with the file, or start afresh if it is missing or damaged, or was written by other code or from another log."""
        try:
            with taken_away_if_damaged(path):
                directory = cls(path, store)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            directory = cls(path, store)
        try:
            await directory.verify()
        except BaseException:
            directory.close()
            raise
        return directory

    async def verify(self) -> None:
        """Start afresh if the log is not the one this file was made from: it was replaced, or lost its tail.

        For the start and for every reconnect, while no feed runs.
        """
        if not await self.fits_the_log():
            # First for all to see, then here: after a crash in between this is found again.
            await note_cut(self._store, self._prefix.fingerprint)
            self._file.begin_anew()
            self._stand_where_the_file_ends()

    async def fits_the_log(self) -> bool:
        """Whether the last commit that was applied still stands at its position in the log."""
        # Nothing is written for it: a disk that takes nothing is no reason not to know.
        return await is_prefix_of(self._store, self._prefix.fingerprint)

    @property
    def lost_commits(self) -> bool:
        """Whether something that was applied is gone again: only who opens the file anew has it read once more."""
        return self._file.lost_commits

    @property
    def checkpoint(self) -> Position:
        return self._prefix.position

    @property
    def last_cut(self) -> str | None:
        """The mark of the log's last cut, None when it never lost anything."""
        return self._prefix.cuts[-1] if self._prefix.cuts else None

    def close(self) -> None:
        # What the disk does not take now is read again by the next start.
        with suppress(sqlite3.Error):
            self._file.end(self._prefix.fingerprint)
        self._file.close()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Write down a batch."""
        fresh = [one for one in batch if one.position > self.checkpoint]
        if not fresh:
            return
        try:
            with self._file.writing(len(fresh)) as db:
                for recorded in fresh:
                    self._prefix.add(recorded)
                    # Transcripts name nothing new, and they are most of the log; some subjects are nobody's.
                    if recorded.kind not in ("transcript", ""):
                        _write(db, recorded)
            ending = self._file.is_due
            if ending:
                self._file.end(self._prefix.fingerprint)
        except BaseException:
            self._stand_where_the_file_ends()
            raise
        self._waiting.move(self.checkpoint)
        if ending:
            await self._file.settle()

    def _stand_where_the_file_ends(self) -> None:
        self._prefix = LogPrefix(self._file.fingerprint)
        self._waiting.move(self.checkpoint)

    # --- Questions ---

    async def locate(self, thing_id: str) -> Located | None:
        """Where something is; None only if no commit up to the log's present head names it.

        Raises `Unavailable` (`not_caught_up`) when the head cannot be reached in time.
        """
        located = self.located(thing_id)
        if located is None:
            await self.caught_up()
            located = self.located(thing_id)
        return located

    def located(self, thing_id: str) -> Located | None:
        """Where something is, as far as the tail has been applied."""
        rows = self._file.ask("SELECT * FROM things WHERE id = ?", thing_id)
        return Located(*rows[0]) if rows else None

    def key_position(self, key: str) -> Position | None:
        """The position of a command's commit, in whatever aggregate; None if it has none. `key` is `keys.command_key`.

        Does not wait for the tail. All that an answer can miss is a race of one key, used for two
        aggregates at once on two nodes: then both commands hold. What this process did itself `RecentKeys`
        knows.
        """
        rows = self._file.ask("SELECT position FROM command_keys WHERE key = ?", short_key(key))
        return Position(rows[0][0]) if rows else None

    def open_jobs(self) -> list[OpenJob]:
        """All jobs that wait or run, in the order they were announced."""
        rows = self._file.ask(
            """
            SELECT jobs.id, kind, organization_id, jobs.repository_id, task_id, announced_in,
                   announced_by, announced_position, opened, tasks.host, started_on
              FROM jobs LEFT JOIN tasks ON tasks.id = jobs.task_id
             WHERE ended = 0
             ORDER BY announced_position, jobs.id
            """
        )
        names = OpenJob.__struct_fields__
        # SQLite keeps truth as 0 and 1, which only a lax conversion takes for a bool.
        return [convert(dict(zip(names, row, strict=True)), OpenJob, strict=False) for row in rows]

    async def tasks_of(self, repository_id: str) -> list[TaskId]:
        """All tasks a repository ever had, archived ones too, but not those that were killed: they need nothing any more."""
        await self.caught_up()
        rows = self._file.ask(
            "SELECT id FROM tasks WHERE repository_id = ? AND killed = 0 ORDER BY id",
            repository_id,
        )
        return [TaskId(task_id) for (task_id,) in rows]

    def tasks_on(self, host: str) -> list[TaskId]:
        """The tasks whose sandbox a host holds."""
        rows = self._file.ask("SELECT id FROM tasks WHERE host = ? ORDER BY id", host)
        return [TaskId(task_id) for (task_id,) in rows]

    def hosts(self) -> list[str]:
        """All hosts that hold sandboxes."""
        rows = self._file.ask("SELECT DISTINCT host FROM tasks WHERE host IS NOT NULL ORDER BY 1")
        return [host for (host,) in rows]

    def organizations_of(self, user_id: str) -> list[OrganizationId]:
        """The organizations a user is a member of, as far as the tail has been applied."""
        rows = self._file.ask(
            "SELECT organization_id FROM members WHERE user_id = ? ORDER BY 1", user_id
        )
        return [OrganizationId(organization_id) for (organization_id,) in rows]

    # --- Waiting for the tail ---

    async def caught_up(self) -> None:
        """Wait until everything that is in the log now has been applied here."""
        await self.reached(await self._store.head(), within=CATCH_UP_SECONDS)

    async def reached(self, position: Position, *, within: float | None) -> None:
        """Wait until `position` has been applied. Raises `Unavailable` after `within` seconds, if that is not None."""
        await self._waiting.reached(position, within=within)


def _write(db: sqlite3.Connection, recorded: Recorded) -> None:
    try:
        for statement, values in rows_of(recorded):
            db.execute(statement, values)
    except Undecodable:
        # Nothing can be decided on that aggregate either; the tail goes on for all others.
        return
