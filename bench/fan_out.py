"""Deliveries per second of the server's own CPU time, beside what others reach with events of the same bytes."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.http_load import post
from bench.peers import present
from bench.prepared import organizations
from bench.result import Goal, Result, result
from bench.scenery import Running
from bench.stream_load import Publish, Readers, get, open_streams, publish_in_window
from bench.topology import apart

GOALS = (Goal("nginx + nchan", 1.2), Goal("sse-starlette", 5))


class Shape(NamedTuple):
    """`window` messages are under way at once, which a server may bundle if it can."""

    streams: int
    topics: int
    messages: int
    window: int

    @property
    def each(self) -> int:
        """Readers of one topic."""
        return self.streams // self.topics

    def __str__(self) -> str:
        topics = "one topic" if self.topics == 1 else f"{self.topics:,} topics"
        return f"{self.streams:,} streams, {topics}, {self.window} under way"


FULL = (Shape(1000, 1, 100, 1), Shape(1000, 1, 200, 16), Shape(10_000, 1000, 2000, 64))
QUICK = (Shape(500, 1, 60, 1),)


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """Ours is the read node: its CPU time includes reading the log, folding and storing what it then sends."""
    rounds = 1 if quick else 3
    for shape in QUICK if quick else FULL:
        ours, event = await ours_of(shape, rounds)
        peers = await _peers(shape, rounds, event)
        yield result(
            f"fan-out, {shape}",
            ours,
            "deliveries/CPU s",
            peers=peers,
            goal=GOALS,
            note=f"events of {len(event)} bytes",
        )


async def ours_of(shape: Shape, rounds: int) -> tuple[list[float], bytes]:
    """What each round reached, and one event as it came."""
    async with apart("os") as nodes:
        ids = await organizations(nodes.commands, shape.topics)
        publish = renames_in_turn(nodes.commands, ids)
        requests = [
            get(f"/v1/stream?topic=workspace/{ids[number % len(ids)]}", nodes.read.token)
            for number in range(shape.streams)
        ]
        readers = await open_streams(nodes.read.address, requests, ready=b"event: ready")
        event = await _one_event(readers, nodes.commands.address, publish, shape)
        runs = [
            await _round(nodes.read, nodes.commands.address, publish, readers, shape)
            for _ in range(rounds)
        ]
        readers.close()
    return runs, event


def renames_in_turn(commands: Running, ids: Sequence[str]) -> Publish:
    """Every message renames one organization after the other, and never to a name it has."""
    names = count()

    def publish(number: int) -> bytes:
        command = {"organization_id": ids[number % len(ids)], "name": f"Number {next(names):06}"}
        return post(
            "/v1/commands/organization.update", commands.token, json.dumps(command).encode()
        )

    return publish


async def _one_event(readers: Readers, address: str, publish: Publish, shape: Shape) -> bytes:
    readers.connections[0].keep = b""
    await publish_in_window(address, publish, readers, messages=1, each=shape.each, window=1)
    kept = readers.connections[0].keep or b""
    readers.connections[0].keep = None
    return kept[kept.index(b"event: ") :].partition(b"\n\n")[0] + b"\n\n"


async def _round(
    server: Running, address: str, publish: Publish, readers: Readers, shape: Shape
) -> float:
    before = server.cpu_seconds()
    await publish_in_window(
        address,
        publish,
        readers,
        messages=shape.messages,
        each=shape.each,
        window=shape.window,
    )
    return shape.messages * shape.each / (server.cpu_seconds() - before)


# --- The others ---


async def _peers(shape: Shape, rounds: int, event: bytes) -> dict[str, float]:
    data = event.partition(b"data: ")[2].partition(b"\n")[0]
    found = {"raw ASGI": await _peer(present.raw_asgi, shape, rounds, event, b": ready")}
    if present.has_nchan():
        found["nginx + nchan"] = await _peer(present.nchan, shape, rounds, data, b"\r\n\r\n")
    if present.has_python():
        found["sse-starlette"] = await _peer(present.sse_starlette, shape, rounds, data, b": ready")
    return found


async def _peer(
    start: Callable[[Path], AbstractContextManager[Running]],
    shape: Shape,
    rounds: int,
    body: bytes,
    ready: bytes,
) -> float:
    with tempfile.TemporaryDirectory(prefix="foundry-bench-") as name, start(Path(name)) as server:
        requests: Sequence[bytes] = [
            get(f"/sub/t{number % shape.topics}") for number in range(shape.streams)
        ]
        readers = await open_streams(server.address, requests, ready=ready)

        def publish(number: int) -> bytes:
            return _event_to(f"/pub/t{number % shape.topics}", body)

        runs = [
            await _round(server, server.address, publish, readers, shape) for _ in range(rounds)
        ]
        readers.close()
    return median(runs)


def _event_to(path: str, body: bytes) -> bytes:
    """nchan takes the event's name from a header; the others do not look at it."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nX-EventSource-Event: change\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
