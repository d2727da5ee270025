"""The first read of a workspace with few and with many tasks, beside the same bytes from memory."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.figures import percentile
from bench.peers import present
from bench.prepared import plain_client, tasks
from bench.result import Goal, Result, result
from bench.stream_load import Asking, asking, get
from bench.topology import Apart, apart

SIZES = (10, 1000, 10_000)
TURN = 10
"""Reads of one server before it is the other's turn, so that what else the machine does falls on both."""
CATCH_UP_SECONDS = 120
RECEIVE_BYTES = 256 * 1024
"""Left to the kernel, the one connection's buffer grew to 11 MB and the other's did not, and that doubled a read of 6 MB."""


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """One client that asks again and again. Milliseconds until the last byte."""
    sizes, reads, rounds = ((10, 1000), 50, 3) if quick else (SIZES, 200, 7)
    async for size, content_bytes, ours, theirs in beside_memory(sizes, reads, rounds):
        yield result(
            f"bootstrap of a workspace with {size:,} tasks, p50",
            ours,
            "ms",
            limit=median(theirs),
            goal=Goal("limit", 1.5, at_most=True),
            note=f"{content_bytes:,} bytes",
        )


async def beside_memory(
    sizes: Sequence[int], reads: int, rounds: int
) -> AsyncIterator[tuple[int, int, list[float], list[float]]]:
    """For each number of tasks: the view's bytes, and the rounds' milliseconds of ours and from memory."""
    async with apart("os") as nodes:
        for size in sizes:
            one, *_ = await tasks(nodes.commands, nodes.folder, size)
            await _caught_up(nodes)
            request = get(f"/v1/views/workspace/{one.organization_id}", nodes.read.token)
            ours = await asking(nodes.read.address, receive_bytes=RECEIVE_BYTES)
            assert await ours.ask(request) == 200
            with (
                tempfile.TemporaryDirectory(prefix="foundry-bench-") as folder,
                present.from_memory(Path(folder), ours.size) as memory,
                on_one_core(nodes.read.pid, memory.pid),
            ):
                theirs = await asking(memory.address, receive_bytes=RECEIVE_BYTES)
                found: tuple[list[float], list[float]] = ([], [])
                for _ in range(rounds):
                    times: tuple[list[float], list[float]] = ([], [])
                    for _ in range(reads // TURN):
                        times[0].extend(await _milliseconds(ours, request))
                        times[1].extend(await _milliseconds(theirs, get("/")))
                    for kept, round_ in zip(found, times, strict=True):
                        kept.append(percentile(round_, 50))
            yield size, ours.size, *found
            ours.transport.close()
            theirs.transport.close()


async def _caught_up(nodes: Apart) -> None:
    """Wait until the read node has folded all that was made: a view that changes meanwhile is put together anew."""
    headers = {"Authorization": f"Bearer {nodes.read.token}"}
    async with plain_client("", headers, timeout=30) as client, asyncio.timeout(CATCH_UP_SECONDS):
        made = (await client.get(f"{nodes.commands.address}/healthz")).json()["position"]
        view = f"{nodes.read.address}/v1/views/app?at_least={made}"
        while (await client.get(view)).status_code != 200:
            pass


@contextmanager
def on_one_core(*servers: int) -> Iterator[None]:
    """Keep the event loops of these processes and our own on one core.

    Waking an idle core of a virtual machine takes longer than such a read, and whether one
    has to be is chance.
    """
    ours = os.sched_getaffinity(0)
    for pid in (0, *servers):
        os.sched_setaffinity(pid, {min(ours)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


async def _milliseconds(connection: Asking, request: bytes) -> list[float]:
    times = []
    for _ in range(TURN):
        began = time.perf_counter()
        status = await connection.ask(request)
        times.append((time.perf_counter() - began) * 1000)
        assert status == 200, status
    return times
