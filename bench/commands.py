"""Commands over HTTP, from 1 to 256 clients, beside raw publishes of as many bytes to the same nats-server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median

import nats
from nats.js import JetStreamContext

from bench.figures import percentile
from bench.http_load import closed_loop, post
from bench.prepared import organizations, tasks
from bench.raw_nats import RawPublisher, publishes_per_second, raw_publisher
from bench.result import Goal, Result, result
from bench.scenery import Running, cpu_seconds_of, node
from bench.topology import Durability, log_server, shared, with_password
from runtime.embedded_server import EmbeddedServer

CLIENTS = (1, 16, 64, 256)
COMMIT = b"x" * 480
"""About as many bytes as the commit of a rename."""

Requests = list[Callable[[], bytes]]


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """Each client has an organization (or a task) of its own and renames it again and again."""
    seconds, rounds, counts = (1.0, 1, (64,)) if quick else (2.0, 3, CLIENTS)
    async with _system("fsync", "commands") as system:
        renames = await organization_renames(system.running, max(CLIENTS))
        for clients in counts:
            goals = [Goal("limit", 0.8)] if clients == 64 else []
            yield await _beside_raw(
                system, renames[:clients], "organization.update, alone", seconds, rounds, goals
            )
        renames = await _task_renames(system.running, system.folder, 64)
        yield await _beside_raw(system, renames, "task.rename, alone", seconds, rounds, [])
    async with _system("fsync", "commands", "read", "workers") as system:
        renames = await organization_renames(system.running, max(CLIENTS))
        for clients in counts:
            name = "organization.update, all roles in one process"
            yield await _beside_raw(system, renames[:clients], name, seconds, rounds, [])
    async with _system("os", "commands") as system:
        renames = await organization_renames(system.running, 64)
        yield await _beside_nothing(system, renames, seconds, rounds)


class _System:
    def __init__(
        self,
        folder: Path,
        server: EmbeddedServer,
        running: Running,
        publisher: RawPublisher,
        durability: str,
    ) -> None:
        self.folder = folder
        self.server = server
        self.running = running
        self.publisher = publisher
        self.durability = durability
        self.numbers = count()


@asynccontextmanager
async def _system(durability: Durability, *roles: str) -> AsyncIterator[_System]:
    """A nats-server, a node that uses it as an outside one, and a raw connection to a stream beside the node's."""
    async with log_server(durability) as (folder, server):
        with node(folder / "data", *roles, **shared(server)) as running:
            await _make_stream(server)
            publisher = await raw_publisher(server.url, server.user, server.password)
            yield _System(folder, server, running, publisher, durability)
            publisher.transport.close()


async def _make_stream(server: EmbeddedServer) -> None:
    client = await nats.connect(with_password(server))
    await client.jetstream().add_stream(name="BENCH", subjects=["bench.>"])
    await client.close()


async def _beside_raw(
    system: _System, requests: Requests, name: str, seconds: float, rounds: int, goals: list[Goal]
) -> Result:
    ours, limits, p50, p99 = [], [], [], []
    spent: dict[str, list[float]] = {"ours": [], "nats-server": [], "clients": []}
    for _ in range(rounds):
        limits.append(
            await publishes_per_second(
                system.publisher,
                f"bench.{next(system.numbers)}.",
                COMMIT,
                clients=len(requests),
                seconds=seconds,
            )
        )
        before = _spent(system)
        load = await closed_loop(system.running.address, requests, seconds=seconds)
        assert set(load.statuses) == {202}, load.statuses
        for who, seconds_spent in _spent(system).items():
            spent[who].append((seconds_spent - before[who]) / len(load.latencies) * 1000)
        ours.append(load.per_second)
        p50.append(percentile(load.latencies, 50) * 1000)
        p99.append(percentile(load.latencies, 99) * 1000)
    return result(
        f"{name}, {system.durability}, {len(requests)} clients",
        ours,
        "commands/s",
        limit=median(limits),
        goal=goals,
        note=f"p50 {median(p50):.1f} ms, p99 {median(p99):.1f} ms; ms CPU each: "
        + ", ".join(f"{who} {median(each):.2f}" for who, each in spent.items()),
    )


def _spent(system: _System) -> dict[str, float]:
    """Seconds of processor time so far of all that share it: what is left of two cores, if anything, is the disk's."""
    return {
        "ours": system.running.cpu_seconds(),
        "nats-server": cpu_seconds_of(system.server.pid),
        "clients": time.process_time(),
    }


async def _beside_nothing(
    system: _System, requests: Requests, seconds: float, rounds: int
) -> Result:
    """Durability `os`, where the disk is not the limit: beside a POST that does nothing, same server and router."""
    nothing = post("/v1/logout", "", b"")
    client = await nats.connect(with_password(system.server))
    ours, idle, published = [], [], []
    for _ in range(rounds):
        load = await closed_loop(
            system.running.address, [lambda: nothing] * len(requests), seconds=seconds
        )
        assert set(load.statuses) == {204}, load.statuses
        idle.append(load.per_second)
        published.append(await _nats_py(client.jetstream(), system.numbers, len(requests), seconds))
        load = await closed_loop(system.running.address, requests, seconds=seconds)
        assert set(load.statuses) == {202}, load.statuses
        ours.append(load.per_second)
    await client.close()
    return result(
        f"organization.update, alone, os, {len(requests)} clients",
        ours,
        "commands/s",
        limit=median(idle),
        peers={"nats-py publish": median(published)},
        goal=Goal("limit", 0.5),
        note="limit: a POST that does nothing (`/v1/logout` of nobody), same server and router",
    )


async def _nats_py(
    stream: JetStreamContext, numbers: Iterator[int], clients: int, seconds: float
) -> float:
    """Publishes a second of the client library as it is, as many at once as there are clients."""
    ends_at = time.perf_counter() + seconds

    async def writer(subject: str) -> int:
        last, count = 0, 0
        while time.perf_counter() < ends_at:
            headers = {
                "Nats-Expected-Last-Subject-Sequence": str(last),
                "Nats-Msg-Id": f"{subject}-{count}",
            }
            last = (await stream.publish(subject, COMMIT, headers=headers)).seq
            count += 1
        return count

    counts = await asyncio.gather(*(writer(f"bench.{next(numbers)}") for _ in range(clients)))
    return sum(counts) / seconds


# --- The commands ---


async def organization_renames(running: Running, many: int) -> Requests:
    return [
        _renaming(running, "organization.update", "organization_id", one, "name")
        for one in await organizations(running, many)
    ]


async def _task_renames(running: Running, folder: Path, many: int) -> Requests:
    return [
        _renaming(running, "task.rename", "task_id", one.task_id, "title")
        for one in await tasks(running, folder, many)
    ]


def _renaming(
    running: Running, name: str, id_field: str, thing_id: str, text_field: str
) -> Callable[[], bytes]:
    numbers = count()

    def rename() -> bytes:
        body = json.dumps({id_field: thing_id, text_field: f"The name of number {next(numbers)}"})
        return post(f"/v1/commands/{name}", running.token, body.encode())

    return rename
