"""One command, one event, one projection, durable when it is answered: ours beside the usual ways to do that job."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path
from statistics import median

from bench.http_load import closed_loop, post
from bench.peers import present
from bench.prepared import organizations
from bench.result import Goal, Result, result
from bench.scenery import Running, node
from bench.topology import log_server, shared

CLIENTS = 64
Requests = list[Callable[[], bytes]]
GOALS = (Goal("eventsourcing", 2), Goal("Emmett", 3), Goal("Starlette + sqlite3", 1.2))


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """All servers stand side by side and are asked in turn, so that the disk's moods hit them alike."""
    seconds, rounds = (1.5, 1) if quick else (3.0, 3)
    async with log_server("fsync") as (folder, log):
        with ExitStack() as servers:
            ours = servers.enter_context(node(folder / "node", "commands", "read", **shared(log)))
            renames = [_ours(ours, one) for one in await organizations(ours, CLIENTS)]
            peers = {
                name: servers.enter_context(start)
                for name, start in _peers(Path(servers.enter_context(_folder()))).items()
            }
            reached: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
            for _ in range(rounds):
                reached["ours"].append(await _rate(ours.address, renames, seconds))
                for name, peer in peers.items():
                    requests = [_renaming(f"{name}-{number}") for number in range(CLIENTS)]
                    reached[name].append(await _rate(peer.address, requests, seconds))
    runs = reached.pop("ours")
    yield result(
        f"one command, one event, one projection, {CLIENTS} clients",
        runs,
        "commands/s",
        peers={name: median(rates) for name, rates in reached.items()},
        goal=GOALS,
        note="commands and read side in one process, nats-server beside it; all fsync",
    )


def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="foundry-bench-")


def _peers(folder: Path) -> dict[str, AbstractContextManager[Running]]:
    found: dict[str, AbstractContextManager[Running]] = {}
    if present.has_python():
        for name, module in (
            ("Starlette + sqlite3", "by_hand"),
            ("eventsourcing", "eventsourcing_server"),
        ):
            found[name] = present.python_peer(module, folder, str(folder / f"{module}.db"))
    if present.has_emmett():
        found["Emmett"] = present.emmett(folder)
    return found


async def _rate(address: str, requests: Requests, seconds: float) -> float:
    """Only what was accepted counts; a peer may refuse one or the other under load."""
    load = await closed_loop(address, requests, seconds=seconds)
    return load.statuses[202] / load.seconds


def _ours(running: Running, organization_id: str) -> Callable[[], bytes]:
    numbers = count()

    def rename() -> bytes:
        command = {
            "organization_id": organization_id,
            "name": f"The name of number {next(numbers)}",
        }
        path = "/v1/commands/organization.update"
        return post(path, running.token, json.dumps(command).encode())

    return rename


def _renaming(thing: str) -> Callable[[], bytes]:
    numbers = count()

    def rename() -> bytes:
        command = {"id": thing, "title": f"The name of number {next(numbers)}"}
        return post("/rename", "", json.dumps(command).encode())

    return rename
