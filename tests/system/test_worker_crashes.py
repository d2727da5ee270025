"""kill -9 of the worker at every commit of its jobs, one after the other in the life of one task: the task ends as if nothing had been."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nats_process import NatsServer, nats_server_in
from tests.system.conftest import OWNER_TOKEN, QUICK, Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.log_gate import Cut, LogGate, log_gate
from tests.system.node_process import NodeProcess
from tests.system.people import House, turn_is_over

REACHED_WITHIN = 40.0
ENDED_WITHIN = 60.0
GOES_ON_WITHIN_MS = 10_000

PROVISION = {
    "name_ensured": ("task_named",),
    "sandbox_allocated": ("sandbox_allocated",),
    "repository_prepared": ("sandbox_ready", "files_captured"),
    "agent_installed": (),
    "agent_started": (),
    "session_created": ("task_provisioned",),
}
"""The stages, and the facts about the task that each of them leaves."""


def every_cut(stages: dict[str, tuple[str, ...]]) -> list[Cut]:
    """Around each commit: the claim, what a stage tells of the task, its result (with the next stage's start)."""
    cuts = [Cut("before", "job_started"), Cut("after", "job_started")]
    for stage, facts in stages.items():
        cuts += [Cut(when, fact) for fact in facts for when in ("before", "after")]
        cuts += [Cut(when, "stage_succeeded", stage) for when in ("before", "after")]
    return cuts


def ending(last: str) -> dict[str, tuple[str, ...]]:
    return {"work_stopped": (), "sandbox_released": ("sandbox_released",), last: (f"task_{last}",)}


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    (tmp_path / "nats").mkdir()
    with nats_server_in(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def gate(nats: NatsServer) -> AsyncIterator[LogGate]:
    async with log_gate(nats) as gate:
        yield gate


@dataclass
class Crashing:
    """A worker behind the gate, and a house at a node that stays."""

    worker: NodeProcess
    gate: LogGate
    house: House

    async def through(self, cuts: Sequence[Cut]) -> int:
        """Kill the worker at each cut in turn, then let it go on; when it was ready, in milliseconds."""
        for cut, following in zip(cuts, [*cuts[1:], None], strict=True):
            try:
                await self.gate.reached(REACHED_WITHIN)
            except TimeoutError:
                raise AssertionError(f"{cut} not reached\n{self.worker.end_of_log()}") from None
            await asyncio.to_thread(self.worker.kill)
            self.gate.arm(following)
            if following is not None:
                self.worker.launch()
        await asyncio.to_thread(self.worker.start)
        return time.time_ns() // 1_000_000

    async def until(self, task_id: str, status: str) -> Any:
        topic = f"task/{task_id}"
        async with self.house.owner.stream(topic) as stream:
            return await stream.until_data(
                topic,
                lambda task: (
                    task["status"] == status and turn_is_over(task)
                    if status == "idle"
                    else task["status"] == status
                ),
                ENDED_WITHIN,
            )

    async def facts_of(self, thing_id: str) -> list[tuple[int, str]]:
        """Each fact of a history with its time."""
        answer = await self.house.owner.get(f"/v1/history/{thing_id}", limit=1000)
        entries = answer.json()["entries"]
        return [(entry["at"], fact) for entry in entries for fact in entry["events"]]

    def working_trees(self) -> int:
        """How many working trees git knows, of all repositories of the worker."""
        repositories = self.worker.data / "repositories"
        listed = [
            subprocess.run(
                ["git", "-C", str(folder), "worktree", "list", "--porcelain"],
                capture_output=True,
                check=True,
            ).stdout.count(b"worktree ")
            # The bare repository lists itself.
            - 1
            for folder in repositories.iterdir()
            if folder.is_dir()
        ]
        return sum(listed)


@pytest.fixture
async def crashing(
    start_node: StartNode, enter: Enter, nats: NatsServer, gate: LogGate, tmp_path: Path
) -> AsyncIterator[Crashing]:
    staying = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "staying", "commands", "read", **staying)
    worker = NodeProcess(
        tmp_path / "worker", "workers", **QUICK, **{**staying, "FOUNDRY_NATS_URL": gate.url}
    )
    client = await enter(node.address, OWNER_TOKEN)
    await asyncio.to_thread(worker.start)
    try:
        repository = GitRepository(tmp_path / "remotes" / "project")
        yield Crashing(worker, gate, await House.build(client, repository.url))
    finally:
        gate.arm(None)
        await asyncio.to_thread(worker.end)


async def test_a_provisioning_is_killed_at_every_commit(crashing: Crashing, tmp_path: Path) -> None:
    cuts = every_cut(PROVISION)
    outside = tmp_path / "outside"
    outside.touch()
    crashing.gate.arm(cuts[0])
    created = await crashing.house.create_task(f"echo run >> {outside}")
    task_id, job_id = created.ids["task_id"], created.ids["job_id"]

    ready_at = await crashing.through(cuts)

    task = await crashing.until(task_id, "idle")
    assert [session["status"] for session in task["sessions"]] == ["idle"]
    assert [sandbox["status"] for sandbox in task["sandboxes"]] == ["ready"]
    assert crashing.working_trees() == 1
    assert len(outside.read_text().splitlines()) <= 1, "a message is handed over at most once"
    once(await crashing.facts_of(task_id), "sandbox_allocated", "sandbox_ready")
    once(await crashing.facts_of(task_id), "agent_session_ready", "task_provisioned")
    await check_job(crashing, job_id, stages=len(PROVISION), ready_at=ready_at)


@pytest.mark.parametrize("last", ["archived", "killed"])
async def test_an_ending_is_killed_at_every_commit(crashing: Crashing, last: str) -> None:
    created = await crashing.house.create_task("true")
    task_id = created.ids["task_id"]
    await crashing.until(task_id, "idle")
    cuts = every_cut(ending(last))
    crashing.gate.arm(cuts[0])
    command = {"archived": "task.archive", "killed": "task.kill"}[last]
    job_id = (await crashing.house.owner.command(command, task_id=task_id)).ids["job_id"]

    ready_at = await crashing.through(cuts)

    task = await crashing.until(task_id, last)
    assert crashing.working_trees() == 0
    assert not Path(task["sandboxes"][0]["path"]).exists()
    assert not list((crashing.worker.data / "sandbox_state").iterdir())
    once(await crashing.facts_of(task_id), "sandbox_released", f"task_{last}")
    await check_job(crashing, job_id, stages=len(ending(last)), ready_at=ready_at)


async def check_job(crashing: Crashing, job_id: str, *, stages: int, ready_at: int) -> None:
    """Opened and ended once, each stage's result stored once, and taken up soon after the last start."""
    facts = await crashing.facts_of(job_id)
    once(facts, "job_opened", "job_succeeded")
    names = [fact for _, fact in facts]
    assert names.count("stage_succeeded") == stages
    assert not {"stage_failed", "job_failed"} & set(names)
    assert facts[-1][0] - ready_at < GOES_ON_WITHIN_MS


def once(facts: list[tuple[int, str]], *names: str) -> None:
    counted = {name: [fact for _, fact in facts].count(name) for name in names}
    assert counted == dict.fromkeys(names, 1)
