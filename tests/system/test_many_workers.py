"""Several workers on one log: each job is done by one of them, also when one dies; what is bound to a host waits, or is given up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.nats_process import NatsServer
from tests.system.conftest import OWNER_TOKEN, QUICK
from tests.system.crashing import ENDED_WITHIN, REACHED_WITHIN, Crashing
from tests.system.log_gate import Cut
from tests.system.node_process import NodeProcess

IMPATIENT = {"FOUNDRY_HOST_AWAY_SECONDS": "1.5"}


@asynccontextmanager
async def other_worker(folder: Path, nats: NatsServer) -> AsyncIterator[NodeProcess]:
    """A worker on another host."""
    worker = NodeProcess(
        folder / "other",
        "workers",
        **{**QUICK, **IMPATIENT},
        FOUNDRY_NATS_URL=nats.url_with_password,
        FOUNDRY_TOKEN=OWNER_TOKEN,
        FOUNDRY_HOST="other",
    )
    await asyncio.to_thread(worker.start)
    try:
        yield worker
    finally:
        await asyncio.to_thread(worker.end)


async def test_each_job_is_taken_by_one_worker(
    crashing: Crashing, nats: NatsServer, tmp_path: Path
) -> None:
    async with other_worker(tmp_path, nats):
        created = [await crashing.house.create_task("true") for _ in range(8)]
        for one in created:
            await crashing.until(one.ids["task_id"], "idle")

    for one in created:
        facts = [fact for _, fact in await crashing.facts_of(one.ids["job_id"])]
        assert (facts.count("job_started"), facts.count("job_succeeded")) == (1, 1)


async def test_a_job_that_is_bound_to_no_host_is_taken_over(
    crashing: Crashing, nats: NatsServer, tmp_path: Path
) -> None:
    crashing.gate.arm(Cut("after", "task_named"))
    created = await crashing.house.create_task("true")
    await crashing.gate.reached(REACHED_WITHIN)
    await asyncio.to_thread(crashing.worker.kill)

    async with other_worker(tmp_path, nats):
        task = await crashing.until(created.ids["task_id"], "idle")

    (sandbox,) = task["sandboxes"]
    assert sandbox["host"] == "other"
    facts = [fact for _, fact in await crashing.facts_of(created.ids["job_id"])]
    assert facts.count("job_started") == 2


async def test_work_for_a_host_that_stays_away_is_an_issue_that_its_return_settles(
    crashing: Crashing, nats: NatsServer, tmp_path: Path
) -> None:
    task_id, send = await _task_of_a_dead_worker(crashing)
    async with other_worker(tmp_path, nats):
        await crashing.house.owner.command("agent_session.send", **send, text="echo again")
        issue = await _issue(crashing, task_id, resolved=False)

        await asyncio.to_thread(crashing.worker.start)
        settled = await _issue(crashing, task_id, resolved=True)
        await crashing.until(task_id, "idle")

    assert (issue["code"], issue["id"]) == ("host_away", settled["id"])
    assert "kill the task" in issue["message"]


async def test_a_task_of_a_host_that_stays_away_can_be_killed_and_is_cleaned_up_there_later(
    crashing: Crashing, nats: NatsServer, tmp_path: Path
) -> None:
    task_id, _ = await _task_of_a_dead_worker(crashing)
    assert crashing.working_trees() == 1
    async with other_worker(tmp_path, nats):
        await crashing.house.owner.command("task.kill", task_id=task_id)
        task = await crashing.until(task_id, "killed")

    assert [sandbox["status"] for sandbox in task["sandboxes"]] == ["released"]
    await asyncio.to_thread(crashing.worker.start)
    await _nothing_is_left_there(crashing)


async def test_a_host_that_was_silent_ends_what_it_still_does_for_a_task_that_was_killed_meanwhile(
    crashing: Crashing, nats: NatsServer, tmp_path: Path
) -> None:
    created = await crashing.house.create_task("while sleep 0.1; do date >still_here; done")
    task_id = created.ids["task_id"]
    async with other_worker(tmp_path, nats):
        await crashing.until(task_id, "running")
        os.kill(crashing.worker.pid, signal.SIGSTOP)
        await crashing.house.owner.command("task.kill", task_id=task_id)
        await crashing.until(task_id, "killed")
        assert crashing.working_trees() == 1

        os.kill(crashing.worker.pid, signal.SIGCONT)
        await _nothing_is_left_there(crashing)


async def _nothing_is_left_there(crashing: Crashing) -> None:
    """Whoever starts, or comes back, does not wait for it."""
    places = [crashing.worker.data / name for name in ("sandboxes", "agent_sessions")]
    async with asyncio.timeout(ENDED_WITHIN):
        while crashing.working_trees() or any(any(place.iterdir()) for place in places):
            await asyncio.sleep(0.05)


async def _task_of_a_dead_worker(crashing: Crashing) -> tuple[str, dict[str, str]]:
    created = await crashing.house.create_task("true")
    task_id = created.ids["task_id"]
    await crashing.until(task_id, "idle")
    await asyncio.to_thread(crashing.worker.kill)
    return task_id, {"task_id": task_id, "session_id": created.ids["session_id"]}


async def _issue(crashing: Crashing, task_id: str, *, resolved: bool) -> Any:
    topic = f"task/{task_id}"
    async with crashing.house.owner.stream(topic) as stream:
        task = await stream.until_data(
            topic,
            lambda task: any(bool(one["resolved_at"]) == resolved for one in task["issues"]),
            ENDED_WITHIN,
        )
    return task["issues"][0]
