"""How fast a log becomes read models: reading, decoding, folding and writing, each measured apart in one run.

`python -m bench.rebuild --events 10000,100000` writes a log of each length into a nats-server of
its own. What a rebuild is held against is SQLite alone: the rows that the events make, each of them
written as often as it changes, with neither a log nor a fold beside it.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec
import uvloop

from bench.result import Result, judged
from bench.sqlite_alone import seconds_of_sqlite_alone
from bench.stalls import Stalls
from bench.written_log import written_log
from events.feed import Feed
from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.build import BuildOrder, build_file
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.read_models import open_read_models
from projectors.read_until import read_until

QUICK, FULL = (10_000,), (10_000, 100_000)
WITHIN = 3600.0
GOAL_EVENTS, GOAL_SHARE, GOAL_STALL_MS = 50_000, 0.8, 50

WORKSPACE = next(one for one in PROJECTIONS if one.name == "workspace")


async def measure(quick: bool, lengths: Sequence[int] = ()) -> list[Result]:
    """One log after the other, each in a nats-server of its own."""
    results = []
    for events in lengths or (QUICK if quick else FULL):
        with tempfile.TemporaryDirectory(prefix="foundry-bench-") as scratch:
            async with written_log(Path(scratch) / "nats", events) as (store, written):
                results += await _measure(store, Path(scratch), written)
    return results


async def _measure(store: EventStore, scratch: Path, events: int) -> list[Result]:
    until = await store.head()
    read = await _read(store, until, decoding=False)
    decoded = await _read(store, until, decoding=True)
    rebuilt = await _rebuild(store, WORKSPACE, scratch / "workspace.sqlite3", until)
    alone = await seconds_of_sqlite_alone(store, WORKSPACE, scratch, until)
    together, stall = await _catch_up(store, scratch / "all", until)
    limit, of = events / decoded, f"of {events:,} events"
    return [
        judged(f"log {of} read", events / read, "events/s"),
        judged(f"log {of} read and decoded", limit, "events/s"),
        judged(
            f"workspace {of} rebuilt", events / rebuilt, "events/s", limit=limit, goal=GOAL_EVENTS
        ),
        judged(f"workspace {of} by SQLite alone", events / alone, "events/s"),
        judged(f"rebuilt by SQLite alone, {of}", alone / rebuilt, "share", goal=GOAL_SHARE),
        judged(f"all four {of} caught up", events / together, "events/s", limit=limit),
        judged(f"longest stall of the loop, {of}", stall, "ms", goal=GOAL_STALL_MS, better="lower"),
    ]


async def _read(store: EventStore, until: Position, *, decoding: bool) -> float:
    began = time.perf_counter()
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for batch in batches:
            if decoding:
                for recorded in batch:
                    assert recorded.commit.events
    return time.perf_counter() - began


async def _rebuild(store: EventStore, projection: Projection, path: Path, until: Position) -> float:
    order = BuildOrder(projection=projection.name, epoch="bench", path=str(path), until=until)
    began = time.perf_counter()
    async with aclosing(build_file(store, projection, order)) as steps:
        async for _ in steps:
            pass
    return time.perf_counter() - began


async def _catch_up(store: EventStore, folder: Path, until: Position) -> tuple[float, float]:
    """A node's start with nothing but the log: seconds until all is shown, milliseconds of the longest stall."""
    async with open_read_models(folder, store) as models:
        feed = Feed(store, [models])
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks, Stalls() as stalls:
            following = tasks.create_task(feed.run())
            await feed.reached(until, within=WITHIN)
            following.cancel()
        return time.perf_counter() - began, stalls.longest_ms


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print, one line of JSON or of a table for each result."""
    lengths = [int(length) for length in arguments.events.split(",") if length]
    for result in await measure(arguments.quick, lengths):
        if arguments.json:
            print(msgspec.json.encode(result).decode())
        else:
            print(result.line())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.rebuild", description=__doc__)
    parser.add_argument("--events", default="", help="lengths of logs, with commas")
    parser.add_argument("--quick", action="store_true", help="the shortest log only")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each result")
    uvloop.run(main(parser.parse_args()))
