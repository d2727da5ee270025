"""From a command to the screens that show it: POST sent to change received, idle and at half load."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

import nats

from bench.figures import percentile
from bench.http_load import closed_loop, post
from bench.peers import present, rivet
from bench.prepared import organizations
from bench.result import Bound, Goal, Result, result
from bench.scenery import Running, node
from bench.stream_load import Readers, asking, get, open_streams
from bench.topology import log_server, shared, with_password
from runtime.embedded_server import EmbeddedServer

STREAMS = (1, 100)
CLIENTS = 16
PUSH, RIVET, CONSUMER, POLL = "storeless push", "RivetKit", "publish to consumer", "500 ms polling"
GOALS: dict[int, tuple[Bound | Goal, ...]] = {
    1: (Bound(3),),
    100: (Goal(PUSH, 2, at_most=True), Goal(RIVET, 0.1, at_most=True)),
}
POLL_SECONDS = 0.5


class Times(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """All roles in one process, fsync. The times are those of every delivery of every message."""
    messages, rounds = (40, 1) if quick else (200, 3)
    async with log_server("fsync") as (folder, server):
        with node(folder / "node", "commands", "read", "workers", **shared(server)) as ours:
            watched, *others = await organizations(ours, 1 + CLIENTS)
            half = await _half_of_all(ours, others, 1.0 if quick else 4.0)
            for streams in STREAMS:
                screen = partial(_screen, ours, watched, streams, messages)
                idle = [await screen() for _ in range(rounds)]
                peers = {PUSH: await _push(folder, streams, messages)}
                if streams == 1:
                    peers[CONSUMER] = await _consumer(server, messages)
                    peers[POLL] = await _polled(ours, watched, 6 if quick else 20)
                found = await rivet.milliseconds(folder, streams, 20 if quick else 60)
                if found is not None:
                    peers[RIVET] = found
                yield _row(f"{streams} streams, idle", idle, peers, GOALS[streams])
                async with _load(ours, others, half):
                    loaded = [await screen() for _ in range(rounds)]
                yield _row(
                    f"{streams} streams, at half load", loaded, {}, (), f", {half:.0f} commands/s"
                )


def _row(
    name: str,
    runs: list[Times],
    peers: dict[str, float],
    goals: tuple[Bound | Goal, ...],
    beside: str = "",
) -> Result:
    return result(
        f"command to screen, p50, {name}",
        [one.p50 for one in runs],
        "ms",
        peers=peers,
        goal=goals,
        better="less",
        note=f"p99 {median(one.p99 for one in runs):.1f} ms{beside}",
    )


async def _screen(ours: Running, watched: str, streams: int, messages: int) -> Times:
    request = get(f"/v1/stream?topic=workspace/{watched}", ours.token)
    readers = await open_streams(ours.address, [request] * streams, ready=b"event: ready")
    return await _one_by_one(ours.address, _renaming(ours, watched), readers, messages)


async def _one_by_one(
    address: str, next_request: Callable[[], bytes], readers: Readers, messages: int
) -> Times:
    """Send one, wait until every reader has it, send the next."""
    connection = await asking(address)
    times: list[float] = []
    for _ in range(messages):
        wanted = readers.deliveries + len(readers.connections)
        readers.times = []
        began = time.perf_counter()
        status = await connection.ask(next_request())
        assert status == 202, status
        await readers.reached(wanted)
        times += [one - began for one in readers.times]
    connection.transport.close()
    readers.close()
    return Times(percentile(times, 50) * 1000, percentile(times, 99) * 1000)


def _renaming(ours: Running, organization_id: str) -> Callable[[], bytes]:
    numbers = count(time.time_ns())

    def rename() -> bytes:
        command = {"organization_id": organization_id, "name": f"Number {next(numbers)}"}
        path = "/v1/commands/organization.update"
        return post(path, ours.token, json.dumps(command).encode())

    return rename


# --- Half load ---


async def _half_of_all(ours: Running, organization_ids: list[str], seconds: float) -> float:
    """Half of what so many clients get done when nothing holds them back."""
    requests = [_renaming(ours, one) for one in organization_ids]
    return (await closed_loop(ours.address, requests, seconds=seconds)).per_second / 2


@asynccontextmanager
async def _load(
    ours: Running, organization_ids: list[str], per_second: float
) -> AsyncIterator[None]:
    """Inside, other organizations are renamed at an even rate."""
    pause = len(organization_ids) / per_second

    async def client(organization_id: str, first_at: float) -> None:
        connection = await asking(ours.address)
        rename, due = _renaming(ours, organization_id), first_at
        try:
            while True:
                await asyncio.sleep(due - time.perf_counter())
                await connection.ask(rename())
                due = max(due + pause, time.perf_counter())
        finally:
            connection.transport.abort()

    now = time.perf_counter()
    tasks = [
        asyncio.create_task(client(one, now + pause * place / len(organization_ids)))
        for place, one in enumerate(organization_ids)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


# --- The others ---


async def _push(folder: Path, streams: int, messages: int) -> float:
    """The least there can be: a POST whose body is written to all streams."""
    body = b"event: change\ndata: " + b"x" * 460 + b"\n\n"
    head = f"POST /pub/t0 HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    with present.raw_asgi(folder) as server:
        requests = [get("/sub/t0")] * streams
        readers = await open_streams(server.address, requests, ready=b": ready")
        times = await _one_by_one(server.address, lambda: head.encode() + body, readers, messages)
    return times.p50


async def _consumer(server: EmbeddedServer, messages: int) -> float:
    """The part of it that the log takes: published, stored and fsynced, and with a consumer."""
    client = await nats.connect(with_password(server))
    stream = client.jetstream()
    await stream.add_stream(name="BENCH", subjects=["bench.>"])
    consumer = await stream.subscribe("bench.>", ordered_consumer=True)
    times = []
    for _ in range(messages):
        began = time.perf_counter()
        await stream.publish("bench.one", b"x" * 480)
        await consumer.next_msg(timeout=10)
        times.append(time.perf_counter() - began)
    await stream.delete_stream("BENCH")
    await client.close()
    return percentile(times, 50) * 1000


async def _polled(ours: Running, watched: str, messages: int) -> float:
    """The same view, asked for every half second: from the command's sending to the answer that shows it."""
    view = get(f"/v1/views/workspace/{watched}", ours.token)
    reader, writer = await asking(ours.address), await asking(ours.address)
    rename = _renaming(ours, watched)
    times = []
    for number in range(messages):
        # Commands come at any moment between two looks.
        until_look = POLL_SECONDS * (number + 0.5) / messages
        began = time.perf_counter()
        await writer.ask(rename())
        await asyncio.sleep(until_look - (time.perf_counter() - began))
        await reader.ask(view)
        times.append(time.perf_counter() - began)
    reader.transport.close()
    writer.transport.close()
    return percentile(times, 50) * 1000
