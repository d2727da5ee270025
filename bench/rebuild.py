"""How fast a log becomes read models: reading, decoding, folding and writing, each measured apart in one run.

`python -m bench.rebuild --events 10000,100000` writes a log of each length into a nats-server of
its own. The limit of a rebuild is what SQLite alone needs for the very same writes: recorded
before, kept in memory, with neither a log nor a fold beside them.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

from bench.result import Result, judged
from bench.sqlite_alone import recorded_writes, write_again
from events.feed import Feed
from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.build import BuildOrder, build_file
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.read_models import open_read_models
from projectors.read_until import read_until

QUICK, FULL = (10_000,), (10_000, 100_000)
WINDOW = 500
"""Messages on their way to the server before one is waited for."""
WITHIN = 600.0
TICK_SECONDS = 0.001

WORKSPACE = next(one for one in PROJECTIONS if one.name == "workspace")


class Stopwatch:
    """Seconds of what `timed` stood around."""

    seconds = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - began


async def measure(quick: bool, lengths: Sequence[int] = ()) -> list[Result]:
    """One log after the other, each in a nats-server of its own."""
    results = []
    for events in lengths or (QUICK if quick else FULL):
        with tempfile.TemporaryDirectory(prefix="foundry-bench-") as scratch:
            async with _log(Path(scratch) / "nats", events) as (store, count):
                results += await _measure(store, Path(scratch), count)
    return results


async def _measure(store: EventStore, scratch: Path, events: int) -> list[Result]:
    size = f"{events // 1000} k events"
    until = await store.head()
    read = await _read(store, until, decoding=False)
    decoded = await _read(store, until, decoding=True)
    build = await _build(store, WORKSPACE, scratch / "one.sqlite3", until)
    alone = await _alone(store, scratch, until)
    together, stall = await _all(store, scratch / "all", until)
    rate = events / build
    return [
        judged(f"log read, {size}", events / read, "events/s"),
        judged(f"log read and decoded, {size}", events / decoded, "events/s"),
        judged(f"workspace rebuilt, {size}", rate, "events/s", limit=events / decoded, goal=50_000),
        judged(f"workspace rebuilt by SQLite alone, {size}", alone / build, "share", goal=0.8),
        judged(
            f"all four caught up, {size}", events / together, "events/s", limit=events / decoded
        ),
        judged(f"longest stall of the loop meanwhile, {size}", stall * 1000, "ms", better="lower"),
    ]


async def _read(store: EventStore, until: Position, *, decoding: bool) -> float:
    watch = Stopwatch()
    with watch.timed():
        async with aclosing(read_until(store, BEGINNING, until)) as batches:
            async for batch in batches:
                if decoding:
                    for recorded in batch:
                        assert recorded.commit.events
    return watch.seconds


async def _build(store: EventStore, projection: Projection, path: Path, until: Position) -> float:
    watch = Stopwatch()
    order = BuildOrder(projection=projection.name, epoch="bench", path=str(path), until=until)
    with watch.timed():
        async with aclosing(build_file(store, projection, order)) as steps:
            async for _ in steps:
                pass
    return watch.seconds


async def _alone(store: EventStore, scratch: Path, until: Position) -> float:
    writes = await recorded_writes(store, WORKSPACE, scratch / "recorded.sqlite3", until)
    watch = Stopwatch()
    with watch.timed():
        await asyncio.to_thread(write_again, writes, scratch / "alone.sqlite3")
    return watch.seconds


async def _all(store: EventStore, folder: Path, until: Position) -> tuple[float, float]:
    """Seconds until all four are at the tail, and the longest time the event loop had no turn."""
    watch = Stopwatch()
    async with open_read_models(folder, store) as models:
        feed = Feed(store, [models])
        with watch.timed():
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(feed.run())
                ticking = tasks.create_task(_longest_stall())
                await feed.reached(until, within=WITHIN)
                following.cancel()
                ticking.cancel()
    return watch.seconds, _stalls[0]


_stalls = [0.0]


async def _longest_stall() -> None:
    _stalls[0] = 0.0
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        _stalls[0] = max(_stalls[0], time.perf_counter() - began - TICK_SECONDS)
