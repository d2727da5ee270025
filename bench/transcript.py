"""An agent that says 30,000 things in one turn, on its way to a screen, and what another topic's viewers feel of it."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench.figures import percentile
from bench.http_load import post
from bench.prepared import Task, organizations, plain_client, submitted
from bench.result import Goal, Result, result
from bench.scenery import ROOT, Running, git_repository, node
from bench.stream_load import Asking, Readers, asking, get, open_streams
from bench.topology import log_server, shared
from foundry.follow import Topics, frames

AGENT = "scripted"
SCRIPT = [sys.executable, "-I", "-S", str(ROOT / "tests/workflows/scripted_agent.py")]
TOPOLOGIES = {
    "all in one process": (("commands", "read", "workers"),),
    "a process for each role": (("commands",), ("read",), ("workers",)),
}
PAUSE_SECONDS = 0.01
"""Between two commands of whoever watches the other topic."""

WITHIN = 120.0


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """p99 from a command to the screen of a topic nobody else touches, during the burst and beside it."""
    chunks, rounds, idle_seconds = (6000, 1, 2.0) if quick else (30_000, 3, 5.0)
    for name, roles in TOPOLOGIES.items():
        async with _nodes(roles) as (folder, commands, read):
            watched = await _Watched.open(commands, read)
            task = await _task(commands, read, folder)
            during, idle, rates = [], [], []
            for _ in range(rounds):
                quiet = asyncio.create_task(asyncio.sleep(idle_seconds))
                idle.append(await watched.p99(until=quiet.done))
                burst = asyncio.create_task(_burst(commands, read, task, chunks))
                during.append(await watched.p99(until=burst.done))
                rates.append(chunks / await burst)
            yield result(
                f"command to screen during a burst, p99, {name}",
                during,
                "ms",
                limit=median(idle),
                goal=Goal("limit", 2, at_most=True),
                tail=True,
                note=f"limit: the same when idle; {chunks:,} chunks, {median(rates):,.0f}/s to screen",
            )


@asynccontextmanager
async def _nodes(
    roles: tuple[tuple[str, ...], ...],
) -> AsyncIterator[tuple[Path, Running, Running]]:
    """The node that takes commands and the one that is read, which may be one and the same."""
    async with log_server("fsync") as (folder, server), AsyncExitStack() as nodes:
        settings = {**shared(server), "FOUNDRY_AGENTS": json.dumps({AGENT: SCRIPT})}
        running: dict[str, Running] = {}
        for some in roles:
            one = nodes.enter_context(node(folder / some[0], *some, **settings))
            settings["FOUNDRY_TOKEN"] = one.token
            running |= dict.fromkeys(some, one)
        yield folder, running["commands"], running["read"]


class _Watched:
    """An organization with one viewer, renamed again and again."""

    def __init__(
        self, commands: Running, organization_id: str, readers: Readers, connection: Asking
    ) -> None:
        self._commands = commands
        self._organization_id = organization_id
        self._readers = readers
        self._connection = connection

    @classmethod
    async def open(cls, commands: Running, read: Running) -> "_Watched":
        (organization_id,) = await organizations(commands, 1)
        request = get(f"/v1/stream?topic=workspace/{organization_id}", read.token)
        readers = await open_streams(read.address, [request], ready=b"event: ready")
        return cls(commands, organization_id, readers, await asking(commands.address))

    async def p99(self, *, until: Callable[[], bool]) -> float:
        """Milliseconds."""
        times: list[float] = []
        while not until() or not times:
            wanted = self._readers.deliveries + 1
            began = time.perf_counter()
            await self._connection.ask(self._rename())
            await self._readers.reached(wanted)
            times.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)
        return percentile(times, 99) * 1000

    def _rename(self) -> bytes:
        command = {"organization_id": self._organization_id, "name": f"At {time.time_ns()}"}
        path = "/v1/commands/organization.update"
        return post(path, self._commands.token, json.dumps(command).encode())


# --- The agent's task ---


async def _task(commands: Running, read: Running, folder: Path) -> Task:
    (organization_id,) = await organizations(commands, 1)
    data = {
        "organization_id": organization_id,
        "remote_url": str(git_repository(folder / "origin", files=1)),
    }
    (added,) = await submitted(commands, [{"name": "repository.add", "data": data}])
    command = {"repository_id": added["repository_id"], "prompt": "echo ready", "agent": AGENT}
    (made,) = await submitted(commands, [{"name": "task.create", "data": command}])
    task = Task(organization_id, added["repository_id"], made["task_id"], made["session_id"])
    await _until_turn_ended(read, task, after=0)
    return task


async def _burst(commands: Running, read: Running, task: Task, chunks: int) -> float:
    """Seconds until all of it was streamed to somebody who watches the transcript."""
    async with _client(read) as client:
        view = (await client.get(f"/v1/views/task/{task.task_id}")).json()
    before = view["data"]["sessions"][0]["transcript_version"]
    request = get(f"/v1/stream?topic=transcript/{task.session_id}", read.token)
    viewer = await open_streams(read.address, [request], ready=b"event: ready")
    command = {
        "task_id": task.task_id,
        "session_id": task.session_id,
        "text": f"burst {chunks}",
    }
    began = time.perf_counter()
    await submitted(commands, [{"name": "agent_session.send", "data": command}])
    # What ends the turn is later in the log than all it said, and one node tells things in order.
    await _until_turn_ended(read, task, after=before)
    seconds = time.perf_counter() - began
    viewer.close()
    return seconds


async def _until_turn_ended(read: Running, task: Task, *, after: int) -> None:
    topic, topics = f"task/{task.task_id}", Topics()
    async with _client(read) as client, asyncio.timeout(WITHIN):
        async for frame in frames(client, [topic]):
            topics.fold(frame)
            if topic in topics.views and _is_over(topics.views[topic], after):
                return


def _is_over(view: dict[str, Any], after: int) -> bool:
    (session,) = view["sessions"]
    return session["status"] == "idle" and (session["transcript_version"] or 0) > after


def _client(running: Running) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {running.token}"}
    return plain_client(running.address, headers, timeout=WITHIN)
