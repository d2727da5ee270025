"""A loop of the worker is stopped on purpose: it begins anew and the work gets done, or the process leaves and says why."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundry.reading import RESTARTS
from tests.system.conftest import QUICK, Enter
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import House

BEGINS_WITHIN = 30.0
LEAVES_WITHIN = 60.0

# `foundry`, of whose worker one method stands still so many times.
STOPPED = """
import asyncio
import sys
from foundry import worker_watch
from foundry.cli import main
from workflows import host_tasks, job_hints, job_sweep, log_tail, woken_tasks

module, name, method, times = {module}, "{name}", "{method}", {times}
for timed in (job_hints, job_sweep, log_tail, woken_tasks):
    timed.ROUND_SECONDS = 1.0
worker_watch.keep_moving.__kwdefaults__["look"] = 0.1
works = getattr(getattr(module, name), method)

async def stands_still(*args, **kwargs):
    global times
    if times:
        times -= 1
        await asyncio.Event().wait()
    return await works(*args, **kwargs)

setattr(getattr(module, name), method, stands_still)
main(sys.argv[1:])
"""
BEGINS_ANEW = "the worker stands still and begins anew"
FOR_EVER = 1_000_000


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[NodeProcess]]:
    nodes: list[NodeProcess] = []
    yield nodes
    for node in nodes:
        node.end()


def stopped(folder: Path, where: str, times: int) -> NodeProcess:
    """A node, not started yet; `where` is the module, the class and the method."""
    module, name, method = where.split(".")
    program = STOPPED.format(module=module, name=name, method=method, times=times)
    return NodeProcess(folder / "data", program=("-c", program), **QUICK)


@pytest.mark.parametrize(
    ("where", "at"),
    [
        ("job_sweep.JobSweep.sweep", "job sweep"),
        ("woken_tasks.WokenTasks.task", "sessions"),
        ("host_tasks.HostTasks.look_at_files", "jobs of this host"),
        ("job_hints.JobHints._take", "jobs of any host"),
    ],
)
async def test_a_worker_that_was_stopped_begins_anew_and_does_the_work(
    nodes: list[NodeProcess],
    tmp_path: Path,
    enter: Enter,
    git_repository: GitRepository,
    where: str,
    at: str,
) -> None:
    node = stopped(tmp_path, where, times=1)
    nodes.append(node)
    node.start()
    house = await House.build(await enter(node.address, node.token), git_repository.url)

    await house.finished_task("echo meanwhile")
    await begun_anew(node, at)
    created = await house.finished_task("echo afterwards")

    entries = (await house.owner.data(f"transcript/{created.ids['session_id']}"))["entries"]
    assert "afterwards\n" in [entry["text"] for entry in entries if entry["sender"] == "agent"]
    assert node.stop() == 0


async def test_a_worker_that_no_start_helps_ends_the_process_with_a_sentence(
    nodes: list[NodeProcess], tmp_path: Path
) -> None:
    node = stopped(tmp_path, "job_sweep.JobSweep.sweep", times=FOR_EVER)
    nodes.append(node)
    node.start()

    status = node.ended(LEAVES_WITHIN)

    log = node.log.read_text()
    assert status == 1
    assert log.splitlines()[-1] == (
        "foundry: The worker stands still at job sweep and a new start did not help."
    )
    assert log.count(BEGINS_ANEW) == RESTARTS
    assert "Traceback" not in log


async def begun_anew(node: NodeProcess, at: str) -> None:
    async with asyncio.timeout(BEGINS_WITHIN):
        while True:
            said = [json.loads(line) for line in node.log.read_text().splitlines()]
            stops = [line["stands_at"] for line in said if line["message"] == BEGINS_ANEW]
            if stops:
                assert stops == [at]
                return
            await asyncio.sleep(0.05)
