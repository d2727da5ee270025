"""`make soak MINUTES=60`: an hour of ordinary work, and whether anything grows; `STREAMS=10000` holds so many meanwhile.

One server, everything in one process, with its embedded nats-server. People rename things, read views, open streams
and leave them; tasks are made, run and are killed. Every ten seconds it is noted what the two processes hold, and at
the end a straight line is put through each: memory that grows by more than a tenth of itself an hour, or tasks,
threads, sockets and files that grow by more than a handful, are a finding. Runs of less than ten minutes only show it.

The largest caches, those of states and of rows, would fill for hours at this pace. So before a run that is judged
they are filled, by commands for organizations and by tasks that nobody looks at again.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from bench.figures import percentile
from bench.prepared import organizations, submitted
from bench.scenery import Running, git_repository, node
from bench.stream_load import get, open_streams
from chaos.proc import children_of, held_by
from chaos.slope import Slope, slope
from commands.aggregates import KEYS_CAPACITY
from runtime.open_files import raise_limit

SAMPLE_SECONDS = 10.0
ORGANIZATIONS = 50
COMMANDS_A_SECOND = 20
TASK_SECONDS = 15.0
CHURN_SECONDS = 5.0
CHURNED = 20
MOST_GROWTH = 0.1
"""Growth an hour that fails the run, as a share of the memory in use."""
HANDFUL = 6
JUDGED = 10.0
"""Minutes after which growth is a finding."""
FILLING = 1000
"""Commands for each of the organizations that fill the cache."""

FILLING_TASKS = 1200
"""A task, its two jobs and its transcript are four states of the 4,000 that are kept."""

TASKS_AT_ONCE = 40
LOOK_SECONDS = 0.5


class Soak:
    def __init__(self, server: Running, client: httpx.AsyncClient, houses: list[str]) -> None:
        self.server = server
        self._client = client
        self._houses = houses
        self._nats = next(p for p, name in children_of(server.pid).items() if "nats" in name)
        self.samples: dict[str, list[tuple[float, float]]] = {}
        self.commands: list[float] = []
        self.answers: Counter[int] = Counter()
        self.begun = time.monotonic()

    async def submit(self, name: str, /, **fields: object) -> dict[str, str]:
        """Send one, and note how long its answer took."""
        began = time.perf_counter()
        answer = await self._client.post(f"/v1/commands/{name}", json=fields)
        self.commands.append(time.perf_counter() - began)
        self.answers[answer.status_code] += 1
        ids: dict[str, str] = answer.json().get("ids", {})
        return ids

    async def commands_at_a_pace(self) -> None:
        for number in itertools.count():
            house = self._houses[number % len(self._houses)]
            await self.submit("organization.update", organization_id=house, name=f"Name {number}")
            await asyncio.sleep(1 / COMMANDS_A_SECOND)

    async def looks(self) -> None:
        for house in itertools.cycle(self._houses):
            await self._client.get(f"/v1/views/workspace/{house}")
            await self._client.get("/v1/views/app")
            await asyncio.sleep(0.2)

    async def tasks(self, repository_id: str) -> None:
        """One after the other, each killed when it had its time."""
        while True:
            made = await self.task(repository_id)
            await asyncio.sleep(TASK_SECONDS)
            await self.submit("task.kill", task_id=made["task_id"])

    async def task(self, repository_id: str) -> dict[str, str]:
        return await self.submit("task.create", repository_id=repository_id, prompt="seq 200")

    async def until(self, organization_id: str, tasks: list[str], status: str) -> None:
        """Wait until all of these tasks are so."""
        wanted = set(tasks)
        while True:
            view = (await self._client.get(f"/v1/views/workspace/{organization_id}")).json()
            if wanted <= {one["id"] for one in view["data"]["tasks"] if one["status"] == status}:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def comings_and_goings(self) -> None:
        """Streams that are left without a word, and others that come back."""
        while True:
            come = await open_streams(
                self.server.address, self.requests(CHURNED), ready=b"event: ready"
            )
            await asyncio.sleep(CHURN_SECONDS * random.random())
            come.close()

    def requests(self, many: int) -> list[bytes]:
        houses = itertools.islice(itertools.cycle(self._houses), many)
        return [get(f"/v1/stream?topic=workspace/{house}", self.server.token) for house in houses]

    async def notes(self) -> None:
        while True:
            metrics = (await self._client.get("/metrics")).text
            at = time.monotonic() - self.begun
            (tasks,) = [
                float(line.split()[1])
                for line in metrics.splitlines()
                if line.startswith("foundry_event_loop_tasks ")
            ]
            self._note("server tasks", at, tasks)
            for name, pid in (("server", self.server.pid), ("nats-server", self._nats)):
                for what, value in held_by(pid)._asdict().items():
                    self._note(f"{name} {what}", at, float(value))
            await asyncio.sleep(SAMPLE_SECONDS)

    def _note(self, name: str, at: float, value: float) -> None:
        self.samples.setdefault(name, []).append((at, value))


async def soak(minutes: float, streams: int) -> int:
    raise_limit()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        settings = {
            "FOUNDRY_LOG_LEVEL": "error",
            # All are one person's here.
            "FOUNDRY_MAX_STREAMS_PER_PERSON": str(streams + 10 * CHURNED),
        }
        try:
            with node(folder / "data", **settings) as server:
                return await _worked(server, folder, minutes, streams)
        finally:
            errors = (folder / "data.log").read_text()
            print(f"errors in the server's log: {errors.count(chr(10))}")
            print(errors[-3000:], end="")


async def _worked(server: Running, folder: Path, minutes: float, streams: int) -> int:
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx.AsyncClient(base_url=server.address, headers=headers, timeout=60) as client:
        others = await organizations(server, 1)
        houses = await organizations(server, ORGANIZATIONS)
        one = Soak(server, client, houses)
        remote = str(git_repository(folder / "project", files=5))
        if minutes >= JUDGED:
            await _fill(server)
            await _fill_with_tasks(one, others[0], remote)
        added = await one.submit("repository.add", organization_id=houses[0], remote_url=remote)
        return await _lived(one, added["repository_id"], minutes, streams)


async def _fill(server: Running) -> None:
    """Gives commands until the cache of states has as many keys as it takes."""
    began = time.monotonic()
    others = await organizations(server, KEYS_CAPACITY // FILLING)
    await submitted(
        server,
        [
            {
                "name": "organization.update",
                "data": {"organization_id": other, "name": f"Filling {number}"},
            }
            for number in range(FILLING)
            for other in others
        ],
    )
    print(
        f"{KEYS_CAPACITY:,} commands before that, in {time.monotonic() - began:.0f} s", flush=True
    )


async def _fill_with_tasks(one: Soak, organization_id: str, remote: str) -> None:
    """Tasks that did their work and were killed, until the caches have as much of such as they take."""
    began = time.monotonic()
    added = await one.submit("repository.add", organization_id=organization_id, remote_url=remote)
    for _ in range(FILLING_TASKS // TASKS_AT_ONCE):
        made = [(await one.task(added["repository_id"]))["task_id"] for _ in range(TASKS_AT_ONCE)]
        await one.until(organization_id, made, "idle")
        for task_id in made:
            await one.submit("task.kill", task_id=task_id)
        await one.until(organization_id, made, "killed")
    print(f"{FILLING_TASKS:,} tasks, in {time.monotonic() - began:.0f} s", flush=True)


async def _lived(one: Soak, repository_id: str, minutes: float, streams: int) -> int:
    alone = await _for(20.0, one, [one.commands_at_a_pace])
    before = held_by(one.server.pid).megabytes
    began = time.monotonic()
    held = await open_streams(one.server.address, one.requests(streams), ready=b"event: ready")
    after = held_by(one.server.pid).megabytes
    print(f"{streams:,} streams live after {time.monotonic() - began:.0f} s", end=", ")
    print(f"{(after - before) * 1024 / max(streams, 1):.1f} KB each", flush=True)
    one.begun = time.monotonic()
    work = [one.commands_at_a_pace, one.looks, one.comings_and_goings, one.notes]
    together = await _for(minutes * 60, one, [*work, lambda: one.tasks(repository_id)])
    print(f"commands alone: {_told(alone)}")
    print(f"commands meanwhile: {_told(together)}")
    still = sum(not stream.transport.is_closing() for stream in held.connections)
    print(f"streams still open {still:,}, changes told {held.deliveries:,}")
    print(f"answers {json.dumps(dict(one.answers))}")
    held.close()
    return _report(one, (time.monotonic() - one.begun) / 60, still == streams)


async def _for(seconds: float, one: Soak, work: list[Callable[[], Awaitable[None]]]) -> list[float]:
    """Everything at once for so long; how long commands took."""
    one.commands = []
    running = [asyncio.ensure_future(part()) for part in work]
    done, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for part in running:
        part.cancel()
    await asyncio.wait(running)
    for part in done:
        part.result()
    return one.commands


def _told(seconds: list[float]) -> str:
    p50, p99 = (percentile(seconds, percent) * 1000 for percent in (50, 99))
    return f"{len(seconds):,}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(seconds) * 1000:.0f} ms"


def _report(one: Soak, minutes: float, all_there: bool) -> int:
    slopes = [slope(name, samples) for name, samples in one.samples.items()]
    print(f"{'':<22} {'settled':>12} {'at the end':>12} {'an hour':>14}")
    for found in slopes:
        print(found.line())
    # A line through a few minutes is none.
    growing = [found.name for found in slopes if _grows(found)] if minutes >= JUDGED else []
    wrong = one.answers.keys() - {202}
    print(
        f"minutes {minutes:.0f} commands {one.answers.total()} not accepted {sum(one.answers[s] for s in wrong)}"
        f" streams lost {0 if all_there else 1} growing {', '.join(growing) or 0}"
    )
    return 1 if growing or wrong or not all_there else 0


def _grows(found: Slope) -> bool:
    if "megabytes" in found.name:
        return found.an_hour > MOST_GROWTH * found.last
    return found.an_hour > HANDFUL and found.last - found.first > HANDFUL


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--streams", type=int, default=500)
    options = parser.parse_args()
    return asyncio.run(soak(options.minutes, options.streams))


if __name__ == "__main__":
    sys.exit(main())
