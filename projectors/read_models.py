"""The read models of a node: four projections in lockstep on one reader of the log, with word of every change."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from events.codec import Undecodable
from events.commit import Recorded
from events.ids import Position
from events.log_prefix import are_prefixes_of, note_cut
from events.store import EventStore
from events.waiting import Waiting
from projectors.catalog import PROJECTION_OF, PROJECTIONS
from projectors.epoch import epoch_of
from projectors.file import SCHEMA
from projectors.file_names import live_epoch
from projectors.parking import Parked
from projectors.projection import Projection
from projectors.questions import Questions
from projectors.serving import Progress, Serving, serve
from projectors.snapshot_cache import SnapshotCache
from projectors.views import Change, Listener, Snapshot
from runtime.metrics import EVENT_TO_DISPATCH_SECONDS

log = logging.getLogger(__name__)

SLICE = 32
"""Commits between two turns of the event loop: a few milliseconds of work."""


class ReadModels:
    """A `Follower` of the feed and the `Views` of query_api and gateway. Made by `open_read_models`."""

    def __init__(self, serving: Mapping[str, Serving]) -> None:
        self._serving = dict(serving)
        self._cache = SnapshotCache()
        self._waiting = Waiting()
        self._listeners: list[Listener] = []
        self._reset_listeners: list[Callable[[str], None]] = []
        self._untold: list[Change] = []
        self.ask = Questions(lambda projection: self._serving[projection].reader)
        """What only query_api asks."""
        self._told_epochs = {name: one.epoch for name, one in self._serving.items()}
        # Batches, tail checks and swaps of a file take turns.
        self.turn = asyncio.Lock()
        self.being_rebuilt: set[str] = set()
        """The projections that are built anew beside the live file, to compare or to replace it."""
        self._waiting.move(self._stored_position())

    # --- Following the log ---

    @property
    def checkpoint(self) -> Position:
        return min(serving.projector.position for serving in self._serving.values())

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Fold a batch into all files, then tell the listeners once per slice what changed."""
        async with self.turn:
            await self._catch_up([one for one in self._serving.values() if not one.live], batch)
            async for commits in _slices(batch):
                for serving in self._serving.values():
                    if serving.live:
                        self._untold += serving.apply_live(commits)
                replaced = self._replaced()
                self._tell(commits)
                for name in replaced:
                    self._tell_reset(name)
                for serving in self._serving.values():
                    await serving.projector.file.ahead.settle()

    async def check_tail(self, store: EventStore) -> Sequence[str]:
        """Compare each file's last commits with the log's; begin those anew that folded another log.

        Gives the names of the projections that begin anew: the feed builds them, from its next start
        on, and until then they cannot be read. Raises `Unavailable` when the store cannot be asked;
        then what is known to be cut is not shown any more either.
        """
        async with self.turn:
            cut = await _cut(self._serving.values(), store)
            for name in cut:
                self._serving[name].withdraw()
            for name in cut:
                self._serving[name] = await _begun_anew(self._serving[name], store)
            if cut:
                self._cache.clear()
                self._waiting.move(self._stored_position())
        return tuple(cut)

    # --- What is to be seen ---

    @property
    def position(self) -> Position:
        return self._waiting.position

    def epoch(self, projection: str) -> str:
        return self._serving[projection].epoch

    async def snapshot(self, topic: str) -> Snapshot | None:
        serving = self._of(topic)
        if serving is None:
            return None
        return await self._cache.get(topic, serving.reader.snapshot)

    async def version(self, topic: str) -> Position | None:
        serving = self._of(topic)
        if serving is None:
            return None
        reader = serving.reader
        kept = self._cache.kept(topic)
        return kept.version if kept else await reader.version(topic)

    async def changes(self, topic: str, after: Position) -> Sequence[Change] | None:
        serving = self._of(topic)
        return await serving.reader.changes(topic, after) if serving else None

    async def page(self, topic: str, *, before: int, limit: int) -> Snapshot | None:
        serving = self._of(topic)
        if serving is None or serving.projection.view_of(topic).window is None:
            return None
        return await serving.reader.page(topic, before=before, limit=limit)

    async def reached(self, position: Position, *, within: float) -> None:
        await self._waiting.reached(position, within=within)

    # --- Word of what happens ---

    def listen(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return partial(_discard, self._listeners, listener)

    def on_reset(self, listener: Callable[[str], None]) -> Callable[[], None]:
        self._reset_listeners.append(listener)
        return partial(_discard, self._reset_listeners, listener)

    def progress(self) -> Sequence[Progress]:
        return [serving.progress for serving in self._serving.values()]

    def parked(self) -> Mapping[str, Sequence[Parked]]:
        """By projection, the aggregates whose later commits are left out."""
        return {name: serving.projector.parked() for name, serving in self._serving.items()}

    async def taken_away(self) -> Sequence[Path]:
        """The live files that are missing: they were found damaged, or somebody removed them."""
        async with self.turn:
            paths = [serving.projector.file.path for serving in self._serving.values()]
            return [path for path in paths if not path.exists()]

    # --- For a rebuild ---

    def serving(self, projection: str) -> Serving:
        return self._serving[projection]

    async def replace(self, serving: Serving) -> None:
        """Serve another file of a projection from now on, and say so. Call with `turn` held."""
        before = self._serving[serving.name]
        self._serving[serving.name] = serving
        self._told_epochs[serving.name] = serving.epoch
        self._cache.clear()
        # At once: a stream that began between would be given an `id:` of the epoch that is gone.
        self._tell_reset(serving.name)
        await before.close()

    async def close(self) -> None:
        for serving in self._serving.values():
            await serving.close()

    # --- Inside ---

    async def _catch_up(self, behind: Sequence[Serving], batch: Sequence[Recorded]) -> None:
        if not behind:
            return
        async for commits in _slices(batch):
            for serving in behind:
                if serving.live:
                    continue
                await serving.catch_up(commits)
                if serving.live:
                    self._cache.clear()
                    log.info("projection caught up", extra={"projection": serving.name})

    def _replaced(self) -> Sequence[str]:
        """The projections whose live file has another epoch than was last told: it was begun anew, or the log was cut."""
        replaced = [
            name
            for name, serving in self._serving.items()
            if serving.live and serving.epoch != self._told_epochs[name]
        ]
        for name in replaced:
            self._told_epochs[name] = self._serving[name].epoch
        if replaced:
            self._cache.clear()
        return replaced

    def _tell(self, commits: Sequence[Recorded]) -> None:
        # Changes stay untold when a later file of the same slice could not be written.
        changes, self._untold = self._untold, []
        if not changes and self._stored_position() == self.position:
            return
        changes.sort(key=lambda change: change.version)
        self._cache.outdate(change.topic for change in changes)
        self._waiting.move(self._stored_position())
        for listener in tuple(self._listeners):
            listener(changes, self.position)
        if changes:
            try:
                seconds = time.time() - commits[-1].commit.at / 1000
            except (Undecodable, OverflowError):
                return
            EVENT_TO_DISPATCH_SECONDS.observe(max(0.0, seconds))

    def _tell_reset(self, projection: str) -> None:
        """Say that a projection's live file is another one now."""
        for listener in tuple(self._reset_listeners):
            listener(projection)

    def _stored_position(self) -> Position:
        return min(serving.projector.stored_position for serving in self._serving.values())

    def _of(self, topic: str) -> Serving | None:
        projection = PROJECTION_OF.get(topic.partition("/")[0])
        return self._serving[projection] if projection else None


@asynccontextmanager
async def open_read_models(
    folder: Path, store: EventStore, *, projections: Sequence[Projection] = PROJECTIONS
) -> AsyncIterator[ReadModels]:
    """The read models in a folder, as far as an earlier run took them; the feed does the rest.

    A file of other code, or of another log, is left behind and built anew.
    """
    tail = await store.head()
    serving: dict[str, Serving] = {}
    try:
        for projection in projections:
            epoch = live_epoch(folder, projection.name, epoch_of(projection, SCHEMA))
            opened = await serve(projection, folder, epoch)
            serving[projection.name] = opened
        cut = await _cut(serving.values(), store)
        for name, opened in serving.items():
            if name in cut:
                serving[name] = await _begun_anew(opened, store)
            else:
                opened.aim(tail)
                if opened.live:
                    await opened.remove_others()
    except BaseException:
        for opened in serving.values():
            await opened.close()
        raise
    models = ReadModels(serving)
    try:
        yield models
    finally:
        await models.close()


async def _slices(batch: Sequence[Recorded]) -> AsyncIterator[Sequence[Recorded]]:
    """A few commits at a time, with a turn of the event loop for everybody else in between."""
    for start in range(0, len(batch), SLICE):
        if start:
            await asyncio.sleep(0)
        yield batch[start : start + SLICE]


async def _cut(opened: Iterable[Serving], store: EventStore) -> Sequence[str]:
    """The names of those that folded another log than this one."""
    asked = tuple(opened)
    whole = await are_prefixes_of(store, [one.projector.checkpoint.fingerprint for one in asked])
    return [one.name for one, is_whole in zip(asked, whole, strict=True) if not is_whole]


async def _begun_anew(serving: Serving, store: EventStore) -> Serving:
    log.error("the log is not the one that was folded", extra={"projection": serving.name})
    await note_cut(store, serving.projector.checkpoint.fingerprint)
    # Only now, so that the note of the cut is among what has to be folded before it is shown; and
    # before the old file is let go, since nobody may answer.
    tail = await store.head()
    fresh = await serving.restart()
    fresh.aim(tail)
    return fresh


def _discard(listeners: list[Callable[..., None]], listener: Callable[..., None]) -> None:
    if listener in listeners:
        listeners.remove(listener)
