"""What an idle stream weighs, and a reader that stands still in the middle of a large snapshot."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from bench.peers import present
from bench.prepared import tasks
from bench.result import Bound, Result, result
from bench.scenery import Running
from bench.stream_load import asking, get, open_streams, stalled
from bench.topology import apart

KB = 1024
WARM = 200
"""Streams that are open before the first look, so that what all share is there already."""

READY = b": ready"
Start = Callable[[Path], AbstractContextManager[Running]]


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """The resident memory of the server's process; for a stalled reader also what the kernel keeps for it."""
    streams, stalling, size = (500, 20, 1000) if quick else (2000, 60, 10_000)
    async with apart("os") as nodes:
        (one,) = await tasks(nodes.commands, nodes.folder, 1)
        topics = (
            "app",
            f"workspace/{one.organization_id}",
            f"task/{one.task_id}",
            f"transcript/{one.session_id}",
            f"files/{one.task_id}",
        )
        request = get(f"/v1/stream?topic={'&topic='.join(topics)}", nodes.read.token)
        ours = await idle_kilobytes(nodes.read, request, b"event: ready", streams)
        peers = await _of_peers(
            lambda server: idle_kilobytes(server, get("/sub/t0"), READY, streams)
        )
        yield result(
            "memory of an idle stream, 5 topics",
            [ours],
            "KB",
            peers=peers,
            goal=Bound(12),
            note=f"{streams:,} streams; the peers' have one topic",
        )
        large, *_ = await tasks(nodes.commands, nodes.folder, size)
        view = f"workspace/{large.organization_id}"
        reader = await asking(nodes.read.address)
        await _at_rest(nodes.read)
        await reader.ask(get(f"/v1/views/{view}", nodes.read.token))
        request = get(f"/v1/stream?topic={view}", nodes.read.token)
        ours = await _standing(nodes.read, request, stalling)
        size = reader.size
        peers = await _of_peers(
            lambda server: _standing(server, get(f"/snapshot/{size}"), stalling // 2)
        )
        yield result(
            f"memory of a stalled reader, {size / 1e6:.1f} MB snapshot",
            [ours],
            "KB",
            peers=peers,
            goal=Bound(256),
            note=f"{stalling} readers; process and send buffers of the kernel",
        )
        reader.transport.close()


async def idle_kilobytes(server: Running, request: bytes, ready: bytes, streams: int) -> float:
    warm = await open_streams(server.address, [request] * WARM, ready=ready)
    before = server.resident_bytes()
    idle = await open_streams(server.address, [request] * streams, ready=ready)
    used = server.resident_bytes() - before
    idle.close()
    warm.close()
    return used / streams / KB


async def _standing(server: Running, request: bytes, readers: int) -> float:
    """What a reader costs that takes no more than fits into its own smallest buffer."""
    first = [stalled(server.address, request) for _ in range(2)]
    await _at_rest(server)
    before = server.resident_bytes() + _sending_bytes(server)
    standing = [stalled(server.address, request) for _ in range(readers)]
    await _at_rest(server)
    used = server.resident_bytes() + _sending_bytes(server) - before
    for one in (*first, *standing):
        one.close()
    return used / readers / KB


async def _at_rest(server: Running) -> None:
    """Wait until the server has done what it can: it uses no CPU any more."""
    used = -1.0
    while (now := server.cpu_seconds()) != used:
        used = now
        await asyncio.sleep(0.5)


def _sending_bytes(server: Running) -> int:
    """What the kernel holds of answers of this server that nobody has taken."""
    port = f"0100007F:{urlsplit(server.address).port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(line[4].partition(":")[0], 16) for line in lines if line[1] == port)


async def _of_peers(look: Callable[[Running], Awaitable[float]]) -> dict[str, float]:
    starts: dict[str, Start] = {"raw ASGI": present.raw_asgi}
    if present.has_python():
        starts["sse-starlette"] = present.sse_starlette
    found = {}
    for name, start in starts.items():
        with (
            tempfile.TemporaryDirectory(prefix="foundry-bench-") as folder,
            start(Path(folder)) as server,
        ):
            found[name] = await look(server)
    return found
