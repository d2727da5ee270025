"""How fast a log becomes read models: reading, decoding, folding and writing, each measured apart in one run.

`python -m bench.rebuild --events 10000,100000` writes a log of each length into a nats-server of
its own. What a rebuild is held against is SQLite alone: the rows that the events make, each of them
written as often as it changes, with neither a log nor a fold beside it. What reading is held
against is a connection that pulls and decodes and checks nothing.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from pathlib import Path
from statistics import median

import msgspec
import uvloop

from bench.peers import eventsourcing
from bench.raw_pull import pull_and_decode
from bench.result import Bound, Floor, Goal, Result, result
from bench.sqlite_alone import seconds_of_sqlite_alone
from bench.stalls import Stalls
from bench.written_log import WrittenLog, written_log
from events.feed import Feed
from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.build import BuildOrder, build_file
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.read_models import open_read_models
from projectors.read_until import read_until

QUICK, FULL = (10_000,), (10_000, 100_000, 1_000_000)
ROUNDS = 3
LONG = 1_000_000
"""A log of so many events is gone through once."""
WITHIN = 3600.0
PEER = "eventsourcing"
OF_RAW = Goal("limit", 0.5)
WANTED = (Floor(50_000), Goal(PEER, 10))
BESIDE_SQLITE = Goal("limit", 0.8)
LONGEST_STALL = Bound(50)

WORKSPACE = next(one for one in PROJECTIONS if one.name == "workspace")


async def measure(*, quick: bool, lengths: Sequence[int] = ()) -> AsyncIterator[Result]:
    """One log after the other, each in a nats-server of its own."""
    for events in lengths or (QUICK if quick else FULL):
        with tempfile.TemporaryDirectory(prefix="foundry-bench-") as name:
            scratch = Path(name)
            rounds = 1 if quick or events >= LONG else ROUNDS
            async with written_log(scratch / "nats", events) as log:
                until = await log.store.head()
                timed = [
                    await _round(log, scratch / f"round-{number}", until)
                    for number in range(rounds)
                ]
            peer = await eventsourcing.rebuilt_per_second(scratch, min(events, QUICK[0]))
        for one in _results(timed, log.events, peer):
            yield one


class _Spent(msgspec.Struct, frozen=True):
    """Seconds on the clock, and of this process's own processor time."""

    clock: float
    processor: float


class _Timed(msgspec.Struct, frozen=True, kw_only=True):
    """Each way through the same log, and the loop's longest stall in milliseconds."""

    raw: _Spent
    read: _Spent
    decoded: _Spent
    rebuilt: _Spent
    alone: float
    together: _Spent
    stall: float


def _results(timed: Sequence[_Timed], events: int, peer: float | None) -> list[Result]:
    of = f"{events:,} events"

    def rates(name: str) -> list[float]:
        return [events / getattr(one, name).clock for one in timed]

    def each(name: str) -> str:
        spent = median(getattr(one, name).processor for one in timed)
        return f"{spent / events * 1e6:.1f} µs of processor time each"

    raw = median(rates("raw"))
    decoded = result(
        f"{of}: read and decoded",
        rates("decoded"),
        "events/s",
        limit=raw,
        goal=OF_RAW,
        note=f"{each('decoded')}; limit: a raw pull with decode, {each('raw')}",
    )
    peers = {} if peer is None else {PEER: peer}
    rebuilt = f"{of}: workspace rebuilt"
    shares = [one.alone / one.rebuilt.clock for one in timed]
    stalls = [one.stall for one in timed]
    return [
        result(f"{of}: read", rates("read"), "events/s", limit=raw, note=each("read")),
        decoded,
        result(
            f"{of}: rows written by SQLite alone", [events / one.alone for one in timed], "events/s"
        ),
        result(
            rebuilt, rates("rebuilt"), "events/s", peers=peers, goal=WANTED, note=each("rebuilt")
        ),
        result(f"{rebuilt}, beside SQLite", shares, "share", limit=1.0, goal=BESIDE_SQLITE),
        result(
            f"{of}: all four caught up",
            rates("together"),
            "events/s",
            limit=decoded.ours,
            note=each("together"),
        ),
        result(f"{of}: longest stall meanwhile", stalls, "ms", goal=LONGEST_STALL),
    ]


async def _round(log: WrittenLog, folder: Path, until: Position) -> _Timed:
    folder.mkdir()
    raw = await _spent(pull_and_decode(log.server, until))
    read = await _spent(_read(log.store, until))
    decoded = await _spent(_decode(log.store, until))
    rebuilt = await _spent(_rebuild(log.store, WORKSPACE, folder / "workspace.sqlite3", until))
    alone = await seconds_of_sqlite_alone(log.store, WORKSPACE, folder, until)
    together, stall = await _catch_up(log.store, folder / "all", until)
    return _Timed(
        raw=raw,
        read=read,
        decoded=decoded,
        rebuilt=rebuilt,
        alone=alone,
        together=together,
        stall=stall,
    )


async def _spent(work: Awaitable[None]) -> _Spent:
    clock, processor = time.perf_counter(), time.process_time()
    await work
    return _Spent(time.perf_counter() - clock, time.process_time() - processor)


async def _read(store: EventStore, until: Position) -> None:
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for _ in batches:
            pass


async def _decode(store: EventStore, until: Position) -> None:
    async with aclosing(read_until(store, BEGINNING, until)) as batches:
        async for batch in batches:
            for recorded in batch:
                assert recorded.commit.events


async def _rebuild(store: EventStore, projection: Projection, path: Path, until: Position) -> None:
    order = BuildOrder(projection=projection.name, epoch="bench", path=str(path), until=until)
    async with aclosing(build_file(store, projection, order)) as steps:
        async for _ in steps:
            pass


async def _catch_up(store: EventStore, folder: Path, until: Position) -> tuple[_Spent, float]:
    """A node's start with nothing but the log: until all is shown, and how long others waited meanwhile."""
    async with open_read_models(folder, store) as models:
        feed = Feed(store, [models])
        async with asyncio.TaskGroup() as tasks, Stalls() as stalls:
            following = tasks.create_task(feed.run())
            spent = await _spent(feed.reached(until, within=WITHIN))
            following.cancel()
        return spent, stalls.longest_ms


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
