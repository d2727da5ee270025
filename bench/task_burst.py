"""Many tasks at once: how fast they are provisioned, and what somebody else feels of it meanwhile.

All are created by sixteen clients as fast as they are answered. While the work behind them goes on, one person
creates a task every quarter of a second, and another asks whether the server lives, which needs
nothing but a turn of its event loop: what that waits for is how long something else held the loop.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figures
from bench.scenery import MACHINE, git_repository, node
from foundry.follow import Topics, frames

TASKS = 300
ALONE = 10
"""Tasks before the burst, one after the other: what the burst is compared with."""

CLIENTS = 16
CREATE_EVERY = 0.25
LOOK_EVERY = 0.02
WITHIN = 900.0
PROVISIONED = ("idle", "error")


class Burst:
    """One organization with one repository, whose tasks are counted as its stream shows them ready."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._topics = Topics()
        self._repository_id = ""
        self._workspace = ""
        self._jobs: list[str] = []
        self._over = asyncio.Event()
        self.figures = Figures()

    async def run(self, remote: str, tasks: int) -> dict[str, float]:
        """The whole of it; how many tasks were made ready in a second, and how many failed."""
        made = await self._command("organization.create", name="Load")
        organization_id = made["organization_id"]
        added = await self._command(
            "repository.add", organization_id=organization_id, remote_url=remote
        )
        self._workspace = f"workspace/{organization_id}"
        self._repository_id = added["repository_id"]
        for number in range(ALONE):
            await self._create("createAlone")
            await self._until_provisioned(number + 1)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as people:
            for client in range(CLIENTS):
                people.create_task(self._create_many(len(range(client, tasks, CLIENTS))))
        created = time.perf_counter() - began
        async with asyncio.TaskGroup() as people:
            people.create_task(self._again_and_again(CREATE_EVERY, self._create_meanwhile))
            people.create_task(self._again_and_again(LOOK_EVERY, self._look))
            await self._until_provisioned(tasks + ALONE)
            self._over.set()
        view = await self._until_provisioned(len(self._jobs))
        seconds = time.perf_counter() - began
        await self._stages()
        return {
            "createdPerSecond": round(tasks / created, 1),
            "provisionedPerSecond": round((len(self._jobs) - ALONE) / seconds, 2),
            "failed": sum(task["status"] == "error" for task in view["tasks"]),
        }

    @property
    def tasks(self) -> int:
        """How many were created in all."""
        return len(self._jobs)

    async def _create_many(self, count: int) -> None:
        for _ in range(count):
            await self._create("createAtOnce")

    async def _create_meanwhile(self) -> None:
        await self._create("createMeanwhile")

    async def _create(self, figure: str) -> None:
        with self.figures.timed(figure):
            ids = await self._command(
                "task.create", repository_id=self._repository_id, prompt="true"
            )
        self._jobs.append(ids["job_id"])

    async def _look(self) -> None:
        with self.figures.timed("lookMeanwhile"):
            (await self._client.get("/healthz")).raise_for_status()

    async def _again_and_again(self, every: float, act: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            await act()
            try:
                async with asyncio.timeout(every):
                    await self._over.wait()
            except TimeoutError:
                continue

    async def _until_provisioned(self, tasks: int) -> dict[str, Any]:
        """Follow the workspace until so many tasks came to the end of their provisioning."""
        async with asyncio.timeout(WITHIN):
            async for frame in frames(self._client, [self._workspace]):
                self._topics.fold(frame)
                view = self._topics.views.get(self._workspace, {"tasks": []})
                if sum(task["status"] in PROVISIONED for task in view["tasks"]) >= tasks:
                    return view
        raise SystemExit("The server ended the stream.")

    async def _stages(self) -> None:
        """How long each stage took, as the jobs' histories have it."""
        for number, job_id in enumerate(self._jobs):
            read = await self._client.get(f"/v1/views/job/{job_id}")
            when = "alone" if number < ALONE else "in the burst"
            for stage in read.json()["data"]["stages"]:
                if stage["ended_at"] is not None:
                    seconds = (stage["ended_at"] - stage["started_at"]) / 1000
                    self.figures.add(f"{stage['id']} {when}", seconds)

    async def _command(self, name: str, /, **fields: object) -> dict[str, str]:
        answer = await self._client.post(f"/v1/commands/{name}", json=fields)
        answer.raise_for_status()
        ids: dict[str, str] = answer.json()["ids"]
        return ids


def processor_seconds(pid: int) -> float:
    """Processor seconds of a process and of all it started, those included that have ended."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
        seconds[int(entry.parent.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family = {pid}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(seconds.get(one, 0.0) for one in family)


async def main(arguments: argparse.Namespace) -> None:
    """Start a system of its own, load it, print the figures."""
    with tempfile.TemporaryDirectory(prefix="foundry-bench-") as scratch:
        repository = git_repository(Path(scratch) / "project")
        with node(Path(scratch) / "data", FOUNDRY_MAX_AGENTS=str(arguments.agents)) as server:
            async with httpx.AsyncClient(
                base_url=server.address,
                headers={"Authorization": f"Bearer {server.token}"},
                trust_env=False,
                timeout=WITHIN,
            ) as client:
                burst = Burst(client)
                server_before, all_before = server.cpu_seconds(), processor_seconds(server.pid)
                counts = await burst.run(str(repository), arguments.tasks)
                server_spent = server.cpu_seconds() - server_before
                all_spent = processor_seconds(server.pid) - all_before
                counts["serverProcessorMsPerTask"] = round(1000 * server_spent / burst.tasks)
                counts["processorMsPerTask"] = round(1000 * all_spent / burst.tasks)
    load = os.getloadavg()[0]
    if arguments.json:
        print(json.dumps({"machine": MACHINE, "load": load, **burst.figures.json(), **counts}))
        return
    print(f"{arguments.tasks} tasks at once; {MACHINE}, load {load:.1f}\n")
    print(burst.figures.table(), end="\n\n")
    for name, count in counts.items():
        print(f"{name}: {count}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.task_burst", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--agents", type=int, default=32, help="how many agents live at once")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    asyncio.run(main(parser.parse_args()))
