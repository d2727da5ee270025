"""A workbench under load: tasks, more sessions in each, a message to each; every time is what a client saw pushed.

All that is waited for comes from one event stream. Agents are the built-in shell, so the figures are
the backend's and not a model's.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figures
from bench.scenery import MACHINE, ROOT, git_repository, node
from foundry.follow import Topics, frames

SMALL = (3, 2)
FULL = (50, 4)
WITHIN = 120.0
READS_BEFORE, READS_AFTER = 2, 3
IDLE_COMMANDS = 100
CHUNKS = 30_000
BURSTING = "scripted"
"""An agent that says as much as its message asks for."""

_SCRIPTED = [sys.executable, "-I", "-S", str(ROOT / "tests/workflows/scripted_agent.py")]


@dataclass
class Workbench:
    """One person with one stream open; `figures` gather what it waits for."""

    client: httpx.AsyncClient
    figures: Figures = field(default_factory=Figures)
    topics: Topics = field(default_factory=Topics)

    async def command(self, name: str, /, **fields: object) -> dict[str, Any]:
        answer = await self.client.post(f"/v1/commands/{name}", json=fields)
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        return done

    async def wait(self, *topics: str, until: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Follow topics until what they show is as wanted."""
        async with asyncio.timeout(WITHIN):
            async for frame in frames(self.client, topics):
                self.topics.fold(frame)
                if all(topic in self.topics.views for topic in topics) and until(self.topics.views):
                    return

    async def read(self, topic: str, name: str) -> int:
        """Read a snapshot once; its bytes."""
        with self.figures.timed(name):
            answer = await self.client.get(f"/v1/views/{topic}")
            answer.raise_for_status()
        return len(answer.content)


async def run(bench: Workbench, repository: str, tasks: int, extra_sessions: int) -> dict[str, Any]:
    """The whole profile, one step after the other; what the snapshots weighed."""
    made = await bench.command("organization.create", name="Load")
    organization_id = made["ids"]["organization_id"]
    added = await bench.command(
        "repository.add", organization_id=organization_id, remote_url=repository
    )
    workspace = f"workspace/{organization_id}"
    sizes = {"baseline": 0, "final": 0}
    for _ in range(READS_BEFORE):
        sizes["baseline"] = await bench.read(workspace, "snapshotReadBaseline")
    for number in range(tasks):
        await _task(bench, added["ids"]["repository_id"], number, extra_sessions)
        for _ in range(READS_AFTER):
            sizes["final"] = await bench.read(workspace, "snapshotReadFinal")
        _progress(number + 1, tasks)
    await _burst(bench, added["ids"]["repository_id"])
    return {f"snapshotPayload{name.title()}Bytes": size for name, size in sizes.items()}


async def _task(bench: Workbench, repository_id: str, number: int, extra_sessions: int) -> None:
    began = time.perf_counter()
    with bench.figures.timed("createTask"):
        created = await bench.command(
            "task.create", repository_id=repository_id, prompt=f"echo ready-{number}"
        )
    ids = created["ids"]
    task_id, first = ids["task_id"], ids["session_id"]
    await _answered(bench, task_id, first, f"ready-{number}")
    bench.figures.add("provision", time.perf_counter() - began)
    for extra in range(extra_sessions):
        began = time.perf_counter()
        made = await bench.command("agent_session.create", task_id=task_id, name=f"extra {extra}")
        session_id = made["ids"]["session_id"]
        await bench.wait(f"task/{task_id}", until=partial(_is_ready, f"task/{task_id}", session_id))
        bench.figures.add("createSession", time.perf_counter() - began)
        word = f"word-{number}-{extra}"
        began = time.perf_counter()
        await bench.command(
            "agent_session.send", task_id=task_id, session_id=session_id, text=f"echo {word}"
        )
        await _answered(bench, task_id, session_id, word)
        bench.figures.add("messageRoundTrip", time.perf_counter() - began)


async def _burst(bench: Workbench, repository_id: str) -> None:
    """What other commands feel of an agent that says 30,000 things in one turn."""
    created = await bench.command(
        "task.create", repository_id=repository_id, prompt="echo ready", agent=BURSTING
    )
    task_id, session_id = created["ids"]["task_id"], created["ids"]["session_id"]
    await _answered(bench, task_id, session_id, "ready")
    for number in range(IDLE_COMMANDS):
        with bench.figures.timed("commandIdle"):
            await bench.command("task.rename", task_id=task_id, title=f"idle {number}")
    read = (await bench.client.get(f"/v1/views/task/{task_id}")).json()
    before = read["data"]["sessions"][0]["transcript_version"]

    def is_over(views: dict[str, dict[str, Any]]) -> bool:
        session = views[f"task/{task_id}"]["sessions"][0]
        return bool(session["status"] == "idle" and session["transcript_version"] > before)

    began = time.perf_counter()
    watching = asyncio.create_task(_watch(bench.client, f"transcript/{session_id}"))
    await bench.command(
        "agent_session.send", task_id=task_id, session_id=session_id, text=f"burst {CHUNKS}"
    )
    over = asyncio.create_task(bench.wait(f"task/{task_id}", until=is_over))
    number = 0
    while not over.done():
        with bench.figures.timed("commandInBurst"):
            await bench.command("task.rename", task_id=task_id, title=f"burst {number}")
        number += 1
    await over
    watching.cancel()
    bench.figures.add("burst", time.perf_counter() - began)


async def _watch(client: httpx.AsyncClient, topic: str) -> None:
    """Have a topic streamed; what comes is not looked at, which would cost this process more than the server."""
    async with client.stream("GET", "/v1/stream", params={"topic": topic}, timeout=None) as answer:
        async for _ in answer.aiter_raw():
            pass


async def _answered(bench: Workbench, task_id: str, session_id: str, word: str) -> None:
    """Wait until the session is idle again and its transcript shows the agent's word."""
    task, transcript = f"task/{task_id}", f"transcript/{session_id}"

    def done(views: dict[str, dict[str, Any]]) -> bool:
        said = any(
            entry["kind"] == "agent_message_chunk" and word in (entry["text"] or "")
            for entry in views[transcript]["entries"]
        )
        return said and _status(views[task], session_id) in ("idle", "ready")

    await bench.wait(task, transcript, until=done)


def _is_ready(topic: str, session_id: str, views: dict[str, dict[str, Any]]) -> bool:
    return _status(views[topic], session_id) == "ready"


def _status(task: dict[str, Any], session_id: str) -> str:
    return next((str(one["status"]) for one in task["sessions"] if one["id"] == session_id), "")


def _progress(done: int, tasks: int) -> None:
    print(f"\r{done} of {tasks} tasks", end="\n" if done == tasks else "", file=sys.stderr)


async def main(arguments: argparse.Namespace) -> None:
    """Start a system of its own, load it, print the figures."""
    tasks, extra = FULL if arguments.full else SMALL
    with tempfile.TemporaryDirectory(prefix="foundry-bench-") as scratch:
        repository = git_repository(Path(scratch) / "project")
        agents = json.dumps({BURSTING: _SCRIPTED})
        with node(Path(scratch) / "data", FOUNDRY_AGENTS=agents) as (address, token, _):
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=address, headers=headers, trust_env=False, timeout=WITHIN
            ) as client:
                bench = Workbench(client)
                sizes = await run(bench, str(repository), tasks, extra)
    profile = f"{tasks} tasks x {extra} extra sessions"
    if arguments.json:
        print(json.dumps({"profile": profile, "machine": MACHINE, **bench.figures.json(), **sizes}))
        return
    print(f"{profile}; {MACHINE}\n\n{bench.figures.table()}\n")
    for name, size in sizes.items():
        print(f"{name}: {size}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.workbench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="50 tasks with 4 extra sessions each")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    asyncio.run(main(parser.parse_args()))
