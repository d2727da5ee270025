"""A node with a long log behind it: how soon it is ready when it comes back, and what it weighs then."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from bench.result import Bound, Result, result
from bench.scenery import node
from bench.topology import log_server, shared
from bench.written_log import write_log
from events.jetstream import open_store
from runtime.connection import connect
from runtime.embedded_server import EmbeddedServer

QUICK, FULL = 10_000, 1_000_000
STARTS = 3
READY = Bound(2)
RESIDENT = Bound(300)
ROLES = ("commands", "read", "workers")


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """All roles in one process, nats-server beside it. The first start makes all read models, the others find them."""
    async with log_server("os") as (folder, server):
        async with connect(server.url, user=server.user, password=server.password) as connection:
            events = await write_log(
                connection, await open_store(connection), QUICK if quick else FULL
            )
        first = _start(folder / "node", server)
        again = [_start(folder / "node", server) for _ in range(1 if quick else STARTS)]
    of = f"{events:,} events"
    yield result(
        f"start behind {of}, nothing made yet",
        [first.seconds],
        "s",
        better="less",
        note=_note(first),
    )
    yield result(
        f"start behind {of}", [one.seconds for one in again], "s", goal=READY, note=_note(again[0])
    )
    yield result(
        f"memory of a node behind {of}", [one.megabytes for one in again], "MB", goal=RESIDENT
    )


class _Started(NamedTuple):
    """What a start took until it was ready: seconds on the clock and of processor time, and the resident memory then."""

    seconds: float
    processor: float
    megabytes: float


def _note(one: _Started) -> str:
    return f"{one.processor:.2f} s of processor time, {one.megabytes:.0f} MB when ready"


def _start(data: Path, server: EmbeddedServer) -> _Started:
    began = time.perf_counter()
    with node(data, *ROLES, **shared(server)) as running:
        seconds = time.perf_counter() - began
        return _Started(seconds, running.cpu_seconds(), running.resident_bytes() / 1e6)
