"""How fast a log becomes read models: reading, decoding, folding and writing, each measured apart in one run.

`python -m bench.rebuild --events 10000,100000` writes a log of each length into a nats-server of
its own. What a rebuild is held against is SQLite alone: the rows that the events make, each of them
written as often as it changes, with neither a log nor a fold beside it.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec
import uvloop

from bench.result import Bound, Floor, Goal, Result, result
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
ROUNDS = 3
WITHIN = 3600.0
WANTED = Floor(50_000)
BESIDE_SQLITE = Goal("limit", 0.8)
LONGEST_STALL = Bound(50)

WORKSPACE = next(one for one in PROJECTIONS if one.name == "workspace")


async def measure(*, quick: bool, lengths: Sequence[int] = ()) -> AsyncIterator[Result]:
    """One log after the other, each in a nats-server of its own."""
    for events in lengths or (QUICK if quick else FULL):
        with tempfile.TemporaryDirectory(prefix="foundry-bench-") as name:
            scratch = Path(name)
            async with written_log(scratch / "nats", events) as (store, written):
                until = await store.head()
                timed = [
                    await _round(store, scratch / f"round-{number}", until)
                    for number in range(1 if quick else ROUNDS)
                ]
        for one in _results(timed, written):
            yield one


class _Timed(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of each way through the same log, and the loop's longest stall in milliseconds."""

    read: float
    decoded: float
    rebuilt: float
    alone: float
    together: float
    stall: float


def _results(timed: Sequence[_Timed], events: int) -> list[Result]:
    def rates(name: str) -> list[float]:
        return [events / getattr(one, name) for one in timed]

    of = f"{events:,} events"
    alone = result(f"{of}: rows written by SQLite alone", rates("alone"), "events/s")
    decoded = result(f"{of}: read and decoded", rates("decoded"), "events/s")
    rebuilt = f"{of}: workspace rebuilt"
    shares = [one.alone / one.rebuilt for one in timed]
    return [
        result(f"{of}: read", rates("read"), "events/s"),
        decoded,
        alone,
        result(rebuilt, rates("rebuilt"), "events/s", limit=decoded.ours, goal=WANTED),
        result(f"{rebuilt}, beside SQLite", shares, "share", limit=1.0, goal=BESIDE_SQLITE),
        result(f"{of}: all four caught up", rates("together"), "events/s", limit=decoded.ours),
        result(
            f"{of}: longest stall meanwhile", [t.stall for t in timed], "ms", goal=LONGEST_STALL
        ),
    ]


async def _round(store: EventStore, folder: Path, until: Position) -> _Timed:
    folder.mkdir()
    read = await _read(store, until)
    decoded = await _decode(store, until)
    rebuilt = await _rebuild(store, WORKSPACE, folder / "workspace.sqlite3", until)
    alone = await seconds_of_sqlite_alone(store, WORKSPACE, folder, until)
    together, stall = await _catch_up(store, folder / "all", until)
    return _Timed(
        read=read, decoded=decoded, rebuilt=rebuilt, alone=alone, together=together, stall=stall
    )


async def _read(store: EventStore, until: Position) -> float:
    began = time.perf_counter()
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for _ in batches:
            pass
    return time.perf_counter() - began


async def _decode(store: EventStore, until: Position) -> float:
    began = time.perf_counter()
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for batch in batches:
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
    """A node's start with nothing but the log: until all is shown, and how long others waited meanwhile."""
    async with open_read_models(folder, store) as models:
        feed = Feed(store, [models])
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks, Stalls() as stalls:
            following = tasks.create_task(feed.run())
            await feed.reached(until, within=WITHIN)
            following.cancel()
        return time.perf_counter() - began, stalls.longest_ms


async def main(options: argparse.Namespace) -> None:
    """Measure and print, a line of JSON for each result."""
    lengths = [int(length) for length in options.events.split(",") if length]
    async for one in measure(quick=options.quick, lengths=lengths):
        print(msgspec.json.encode(one).decode(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.rebuild", description=__doc__)
    parser.add_argument("--events", default="", help="lengths of the logs, with commas")
    parser.add_argument("--quick", action="store_true", help="the shortest log, once")
    uvloop.run(main(parser.parse_args()))
