"""Commands over HTTP, from 1 to 256 clients, beside raw publishes of as many bytes to the same nats-server."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Literal

import httpx
import nats

from bench.figures import percentile
from bench.http_load import closed_loop, post
from bench.raw_nats import RawPublisher, publishes_per_second, raw_publisher
from bench.result import Goal, Result, result
from bench.scenery import Running, git_repository, node
from runtime.embedded_server import EmbeddedServer, embedded_server

CLIENTS = (1, 16, 64, 256)
COMMIT = b"x" * 480
"""As many bytes as the commit of a rename has, about."""

Requests = list[Callable[[], bytes]]


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """Each client has an organization (or a task) of its own and renames it again and again."""
    seconds, rounds = (1.5, 1) if quick else (4.0, 3)
    async with _system("fsync", "commands") as system:
        renames = await _organization_renames(system.running, max(CLIENTS))
        for clients in CLIENTS:
            goals = [Goal("limit", 0.8)] if clients == 64 else []
            yield await _beside_raw(
                system, renames[:clients], "organization.update, alone", seconds, rounds, goals
            )
        tasks = await _task_renames(system.running, system.folder, 64)
        yield await _beside_raw(system, tasks, "task.rename, alone", seconds, rounds, [])
    async with _system("fsync", "commands", "read", "workers") as system:
        renames = await _organization_renames(system.running, max(CLIENTS))
        for clients in CLIENTS:
            name = "organization.update, all roles in one process"
            yield await _beside_raw(system, renames[:clients], name, seconds, rounds, [])
    async with _system("os", "commands") as system:
        renames = await _organization_renames(system.running, 64)
        yield await _beside_nothing(system, renames, seconds, rounds)


class _System:
    def __init__(
        self, folder: Path, running: Running, publisher: RawPublisher, durability: str
    ) -> None:
        self.folder = folder
        self.running = running
        self.publisher = publisher
        self.durability = durability
        self.numbers = count()


@asynccontextmanager
async def _system(durability: Literal["fsync", "os"], *roles: str) -> AsyncIterator[_System]:
    """A nats-server, a node that uses it as an outside one, and a raw connection to a stream beside the node's."""
    with tempfile.TemporaryDirectory(prefix="foundry-bench-") as name:
        folder = Path(name)
        (folder / "nats").mkdir()
        async with embedded_server(folder / "nats", durability=durability) as server:
            settings = {
                "FOUNDRY_NATS_URL": _with_password(server),
                "FOUNDRY_LOG_LEVEL": "warning",
            }
            with node(folder / "data", *roles, **settings) as running:
                await _make_stream(server)
                publisher = await raw_publisher(server.url, server.user, server.password)
                yield _System(folder, running, publisher, durability)
                publisher.transport.close()


async def _make_stream(server: EmbeddedServer) -> None:
    client = await nats.connect(_with_password(server))
    await client.jetstream().add_stream(name="BENCH", subjects=["bench.>"])
    await client.close()


def _with_password(server: EmbeddedServer) -> str:
    return server.url.replace("nats://", f"nats://{server.user}:{server.password}@")


async def _beside_raw(
    system: _System, requests: Requests, name: str, seconds: float, rounds: int, goals: list[Goal]
) -> Result:
    ours, limits, p50, p99, cpu = [], [], [], [], []
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
        before = system.running.cpu_seconds()
        load = await closed_loop(system.running.address, requests, seconds=seconds)
        assert set(load.statuses) == {202}, load.statuses
        cpu.append((system.running.cpu_seconds() - before) / len(load.latencies) * 1000)
        ours.append(load.per_second)
        p50.append(percentile(load.latencies, 50) * 1000)
        p99.append(percentile(load.latencies, 99) * 1000)
    return result(
        f"{name}, {system.durability}, {len(requests)} clients",
        ours,
        "commands/s",
        limit=median(limits),
        goal=goals,
        note=f"p50 {median(p50):.1f} ms, p99 {median(p99):.1f} ms, {median(cpu):.2f} ms CPU each",
    )


async def _beside_nothing(
    system: _System, requests: Requests, seconds: float, rounds: int
) -> Result:
    """Durability `os`, where the disk is not the limit: beside a POST that does nothing, same server and router."""
    nothing = post("/v1/logout", "", b"")
    ours, idle = [], []
    for _ in range(rounds):
        load = await closed_loop(
            system.running.address, [lambda: nothing] * len(requests), seconds=seconds
        )
        assert set(load.statuses) == {204}, load.statuses
        idle.append(load.per_second)
        load = await closed_loop(system.running.address, requests, seconds=seconds)
        assert set(load.statuses) == {202}, load.statuses
        ours.append(load.per_second)
    return result(
        f"organization.update, alone, os, {len(requests)} clients",
        ours,
        "commands/s",
        limit=median(idle),
        goal=Goal("limit", 0.5),
        note="limit: a POST that does nothing (`/v1/logout` of nobody), same server and router",
    )


# --- What is ordered ---


async def _organization_renames(running: Running, many: int) -> Requests:
    lines = [{"name": "organization.create", "data": {"name": "Bench"}}] * many
    made = await _batch(running, lines)
    return [
        _renaming(running, "organization.update", "organization_id", one["organization_id"], "name")
        for one in made
    ]


async def _task_renames(running: Running, folder: Path, many: int) -> Requests:
    """Tasks that wait for a worker: there is none, so that nothing but the commands goes on."""
    (made,) = await _batch(running, [{"name": "organization.create", "data": {"name": "Bench"}}])
    address = str(git_repository(folder / "origin", files=1))
    (added,) = await _batch(
        running, [{"name": "repository.add", "data": {**made, "remote_url": address}}]
    )
    data = {"repository_id": added["repository_id"], "prompt": "true"}
    tasks = await _batch(running, [{"name": "task.create", "data": data}] * many)
    return [_renaming(running, "task.rename", "task_id", one["task_id"], "title") for one in tasks]


def _renaming(
    running: Running, name: str, id_field: str, thing_id: str, text_field: str
) -> Callable[[], bytes]:
    numbers = count()

    def rename() -> bytes:
        body = json.dumps({id_field: thing_id, text_field: f"The name of number {next(numbers)}"})
        return post(f"/v1/commands/{name}", running.token, body.encode())

    return rename


async def _batch(running: Running, lines: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """The ids that each line of a batch made."""
    async with httpx.AsyncClient(
        base_url=running.address,
        headers={
            "Authorization": f"Bearer {running.token}",
            "Content-Type": "application/x-ndjson",
        },
        timeout=120,
    ) as client:
        answer = await client.post(
            "/v1/commands", content="\n".join(json.dumps(line) for line in lines)
        )
    answers = [json.loads(line) for line in answer.text.split("\n") if line]
    assert all(one["status"] == 202 for one in answers), answers
    return [one["ids"] for one in answers]
