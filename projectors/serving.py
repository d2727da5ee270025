"""One projection as a node serves it: the file being written and the reader beside it."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from events.commit import Recorded
from events.ids import BEGINNING, Position
from projectors.file import ProjectionFile
from projectors.file_names import path_of, remove_others
from projectors.in_thread import in_thread
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.reader import Reader
from projectors.views import Change
from runtime.damage import is_damaged, remove, taken_away_if_damaged
from runtime.errors import Unavailable
from runtime.metrics import (
    PROJECTION_APPLY_SECONDS,
    PROJECTION_EVENTS,
    PROJECTION_PARKED,
    PROJECTION_POSITION,
    PROJECTION_REBUILD_SECONDS,
)

FEW_COMMITS = 5_000
"""A file that is further behind than this at the start is caught up without a change log, and not shown before that is done."""

PENDING_ROWS = 20_000
PENDING_BYTES = 32 * 1024 * 1024
"""A catch-up writes once this much waits in memory."""


class Progress(Struct, frozen=True, kw_only=True):
    """`tail` is the head of the log when the catch-up began; `complete` once it was reached."""

    projection: str
    epoch: str
    position: Position
    tail: Position
    complete: bool


class Serving:
    """One live file: its `projector` writes, its `reader` answers. Made by `serve`; `close` closes both."""

    def __init__(
        self, projection: Projection, folder: Path, projector: Projector, reader: Reader
    ) -> None:
        self.projection = projection
        self.folder = folder
        self.projector = projector
        self._reader = reader
        self.tail = BEGINNING
        self._cut = False
        self._started = time.monotonic()
        self._pending_bytes = 0
        self._counted_events = 0
        self._apply_seconds = PROJECTION_APPLY_SECONDS.labels(projection.name)
        self._events_folded = PROJECTION_EVENTS.labels(projection.name)
        # Asked for when somebody looks: most commits change nothing here but this.
        PROJECTION_POSITION.labels(projection.name).set_function(lambda: self.projector.position)
        self._parked = PROJECTION_PARKED.labels(projection.name)
        self._parked.set(len(projector.parked()))

    @property
    def name(self) -> str:
        return self.projection.name

    @property
    def epoch(self) -> str:
        return self.projector.epoch

    @property
    def live(self) -> bool:
        """Whether its rows may be shown, and each change of them is told."""
        return self.projector.complete and not self._cut

    @property
    def reader(self) -> Reader:
        """Raises `Unavailable` (`rebuilding`) while there is nothing that can be shown."""
        if not self.live:
            raise Unavailable(
                f"The views of {self.name} are being built: {self.projector.position} of"
                f" {self.tail} are done. Try again in a moment.",
                code="rebuilding",
            )
        return self._reader

    @property
    def progress(self) -> Progress:
        return Progress(
            projection=self.name,
            epoch=self.epoch,
            position=self.projector.stored_position,
            tail=self.tail,
            complete=self.live,
        )

    def aim(self, tail: Position) -> None:
        """Tell how far the log goes; a file that has all of it, or is close, is shown at once."""
        self.tail = tail
        projector = self.projector
        if projector.position >= tail:
            projector.complete = True
        elif tail - projector.position > FEW_COMMITS:
            projector.complete = False

    def apply_live(self, commits: Sequence[Recorded]) -> Sequence[Change]:
        """Fold a few commits and write them; gives their changes. Blocks for less than a millisecond each."""
        projector = self.projector
        if commits[-1].position <= projector.position:
            return ()
        started = time.perf_counter()
        with taken_away_if_damaged(projector.file.path):
            for commit in commits:
                projector.fold(commit, logging_changes=True)
            changes = projector.flush()
        if projector.folded_events != self._counted_events:
            self._apply_seconds.observe(time.perf_counter() - started)
            self._count()
        return changes

    async def catch_up(self, commits: Sequence[Recorded]) -> None:
        """Fold a few commits without a change log; what was folded is written once it is much, in a thread."""
        with taken_away_if_damaged(self.projector.file.path):
            at_tail = await self._catch_up(commits)
        if at_tail:
            seconds = time.monotonic() - self._started
            PROJECTION_REBUILD_SECONDS.labels(self.name).observe(seconds)
            await self.remove_others()

    async def _catch_up(self, commits: Sequence[Recorded]) -> bool:
        for commit in commits:
            self.projector.fold(commit, logging_changes=False)
            self._pending_bytes += len(commit.body)
        at_tail = self.projector.position >= self.tail
        if (
            at_tail
            or self._pending_bytes > PENDING_BYTES
            or self.projector.pending_rows > PENDING_ROWS
        ):
            await in_thread(partial(self.projector.flush, forget_changes=True, completes=at_tail))
            self._pending_bytes = 0
            self._count()
        return at_tail

    async def remove_others(self) -> None:
        """Remove the files that older code, or a rebuild that was killed, left beside the live one."""
        await in_thread(partial(remove_others, self.folder, self.name, self.projector.file.path))

    def withdraw(self) -> None:
        """Show nothing any more: what was folded is of another log."""
        self._cut = True

    async def restart(self) -> "Serving":
        """The same projection on a new, empty file in the place of this one."""
        await self.close()
        await asyncio.to_thread(remove, self.projector.file.path)
        return await serve(self.projection, self.folder, self.projector.file_epoch)

    async def close(self) -> None:
        await self._reader.close()
        self.projector.close()

    def _count(self) -> None:
        self._events_folded.inc(self.projector.folded_events - self._counted_events)
        self._counted_events = self.projector.folded_events
        self._parked.set(len(self.projector.parked()))


async def serve(projection: Projection, folder: Path, epoch: str) -> Serving:
    """Open a projection's file of an epoch, new or not, to write and to read; one that is damaged is begun anew."""
    path = path_of(folder, projection.name, epoch)
    try:
        with taken_away_if_damaged(path):
            return await _opened(projection, folder, epoch, path)
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        return await _opened(projection, folder, epoch, path)


async def _opened(projection: Projection, folder: Path, epoch: str, path: Path) -> Serving:
    file = ProjectionFile(path, numbered=projection.numbered)
    try:
        projector = Projector(projection, epoch, file)
        reader = Reader(projection, lambda: projector.epoch, path)
        await reader.open()
    except BaseException:
        file.close()
        raise
    return Serving(projection, folder, projector, reader)
