"""The first read of a workspace with few and with many tasks, beside the same bytes from memory."""

import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

from bench.figures import percentile
from bench.ordered import tasks
from bench.peers import present
from bench.result import Goal, Result, result
from bench.stream_load import Asking, asking, get
from bench.topology import apart

SIZES = (10, 1000, 10_000)


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """One client that asks again and again; the two servers are asked in turn. Milliseconds until the last byte."""
    sizes, reads, rounds = ((10, 1000), 100, 3) if quick else (SIZES, 200, 7)
    async with apart("os") as nodes:
        for size in sizes:
            one, *_ = await tasks(nodes.commands, nodes.folder, size)
            request = get(f"/v1/views/workspace/{one.organization_id}", nodes.read.token)
            ours = await asking(nodes.read.address)
            assert await ours.ask(request) == 200
            with (
                tempfile.TemporaryDirectory(prefix="foundry-bench-") as folder,
                present.from_memory(Path(folder), ours.size) as memory,
            ):
                theirs = await asking(memory.address)
                found: tuple[list[float], list[float]] = ([], [])
                for _ in range(rounds):
                    found[0].append(await _milliseconds(ours, request, reads))
                    found[1].append(await _milliseconds(theirs, get("/"), reads))
            yield result(
                f"bootstrap of a workspace with {size:,} tasks, p50",
                found[0],
                "ms",
                limit=median(found[1]),
                goal=Goal("limit", 1.5, at_most=True),
                note=f"{ours.size:,} bytes",
            )
            ours.transport.close()
            theirs.transport.close()


async def _milliseconds(connection: Asking, request: bytes, reads: int) -> float:
    times = []
    for _ in range(reads):
        began = time.perf_counter()
        status = await connection.ask(request)
        times.append(time.perf_counter() - began)
        assert status == 200, status
    return percentile(times, 50) * 1000
