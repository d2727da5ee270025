"""Stages that hang, are cut in the middle, or are cancelled: nothing they started stays behind, and the task gets on."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process_tree import gone
from tests.system.client import Client
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import PROVISIONED_WITHIN, House
from tests.system.stuck import Stuck

GOES_ON_WITHIN = 10.0
STARTS_WITHOUT_END = 8


@pytest.fixture
def node(start_node: StartNode, stuck: Stuck) -> NodeProcess:
    return start_node(**stuck.settings)


@pytest.fixture
async def house(node: NodeProcess, enter: Enter, git_repository: GitRepository) -> House:
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    topic = house.workspace
    async with house.owner.stream(topic) as stream:
        # So that the look at the remote that gets stuck is the task's own.
        await stream.until_data(
            topic, lambda data: any(one["branches_at"] for one in data["repositories"])
        )
    return house


@pytest.mark.parametrize("where", ["ls-remote", "worktree", "write-tree", "agent"])
async def test_a_stage_that_is_cut_in_the_middle_goes_on(
    house: House, node: NodeProcess, stuck: Stuck, enter: Enter, where: str
) -> None:
    stuck.stick(where)
    created = await house.create_task("echo done", agent=stuck.agent, permissions="allow")
    pid = await stuck.is_stuck()

    node.kill()
    node.start()
    ready = time.monotonic()

    client = await enter(node.address, node.token)
    await until(client, created.ids["task_id"], lambda task: task["status"] == "idle")
    assert time.monotonic() - ready < GOES_ON_WITHIN
    assert await gone(pid)


async def test_a_stage_that_ends_its_worker_every_time_becomes_an_issue_that_a_retry_settles(
    house: House, node: NodeProcess, stuck: Stuck, enter: Enter
) -> None:
    stuck.stick("worktree")
    created = await house.create_task("echo done")
    task_id = created.ids["task_id"]
    for left in reversed(range(STARTS_WITHOUT_END)):
        await stuck.is_stuck()
        node.kill()
        if left:
            stuck.stick("worktree")
        node.start()

    client = await enter(node.address, node.token)
    failed = await until(client, task_id, lambda task: bool(task["issues"]))
    await client.command("job.retry", job_id=created.ids["job_id"])
    mended = await until(client, task_id, lambda task: task["status"] == "idle")

    assert failed["status"] == "error"
    [issue] = failed["issues"]
    assert (issue["code"], issue["stage"]) == ("worker_crashes", "repository_prepared")
    assert issue["retry_job_id"] == created.ids["job_id"]
    assert mended["issues"][0]["resolved_at"]


@pytest.mark.parametrize("where", ["ls-remote", "agent"])
async def test_cancelling_reaches_the_running_stage_and_its_processes(
    house: House, stuck: Stuck, where: str
) -> None:
    stuck.stick(where)
    created = await house.create_task("echo done", agent=stuck.agent)
    pid = await stuck.is_stuck()

    await house.owner.command("job.cancel", job_id=created.ids["job_id"])
    task = await until(
        house.owner, created.ids["task_id"], lambda task: task["jobs"][0]["status"] == "cancelled"
    )

    assert task["status"] == "error"
    assert [issue["code"] for issue in task["issues"]] == ["job_cancelled"]
    assert await gone(pid)
    await house.owner.command("job.retry", job_id=created.ids["job_id"])
    task = await until(house.owner, created.ids["task_id"], lambda task: task["status"] == "idle")
    assert task["issues"][0]["resolved_at"]


async def test_a_remote_that_never_answers_keeps_no_place_from_others(
    house: House, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for number in range(4):
            added = await house.owner.command(
                "repository.add",
                organization_id=house.organization_id,
                remote_url=f"https://127.0.0.1:{silent.getsockname()[1]}/{number}",
            )
            waiting = House(house.owner, house.organization_id, added.ids["repository_id"])
            for _ in range(3):
                await waiting.create_task()

        await house.finished_task()
        other = GitRepository(tmp_path / "remotes" / "other")
        added = await house.owner.command(
            "repository.add", organization_id=house.organization_id, remote_url=other.url
        )
        async with house.owner.stream(f"job/{added.ids['job_id']}") as stream:
            await stream.until_data(
                f"job/{added.ids['job_id']}", lambda job: job["status"] == "succeeded"
            )


async def test_a_job_that_waits_for_a_place_can_be_cancelled(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        added = await house.owner.command(
            "repository.add",
            organization_id=house.organization_id,
            remote_url=f"https://127.0.0.1:{silent.getsockname()[1]}/one",
        )
        waiting = House(house.owner, house.organization_id, added.ids["repository_id"])
        created = [await waiting.create_task() for _ in range(8)]
        last = created[-1]
        topic = f"job/{last.ids['job_id']}"
        async with house.owner.stream(topic) as stream:
            status_before = (await stream.until_data(topic, lambda job: job["stages"]))["status"]

            cancelled = await house.owner.command("job.cancel", job_id=last.ids["job_id"])

            ended = await stream.until_data(topic, lambda job: job["status"] == "cancelled")
        task = await house.owner.data(f"task/{last.ids['task_id']}")

    assert status_before == "queued"
    assert cancelled.events == ["job_cancel_requested"]
    assert ended["stage"] is None
    assert [issue["code"] for issue in task["issues"]] == ["job_cancelled"]


@pytest.mark.parametrize("checkout", ["-b elsewhere", "--detach"])
async def test_an_archive_that_is_cut_once_the_work_is_committed_tells_where_it_is(
    house: House, node: NodeProcess, stuck: Stuck, enter: Enter, checkout: str
) -> None:
    one = await house.finished_task(f"git checkout --quiet {checkout}; echo mine >kept.txt")
    topic = f"files/{one.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        # So that the look at the files that gets stuck is the archive's own.
        await stream.until_data(topic, lambda data: data["status"] == "fresh" and data["files"])
    stuck.stick("write-tree")
    await house.owner.command("task.archive", task_id=one.ids["task_id"])
    await stuck.is_stuck()

    node.kill()
    node.start()

    client = await enter(node.address, node.token)
    archived = await until(client, one.ids["task_id"], lambda task: task["status"] == "archived")
    house = House(client, house.organization_id, house.repository_id)
    two = await house.finished_task("cat kept.txt", on_branch=archived["branch"])
    transcript = await client.data(f"transcript/{two.ids['session_id']}")
    assert "mine\n" in [entry.get("text") for entry in transcript["entries"]]


async def test_an_archive_that_was_cancelled_is_begun_anew_by_the_same_command(
    house: House, stuck: Stuck
) -> None:
    task_id = (await house.finished_task("true")).ids["task_id"]
    stuck.stick("worktree")
    first = await house.owner.command("task.archive", task_id=task_id)
    await stuck.is_stuck()
    standing = await house.owner.command("task.archive", task_id=task_id)
    await house.owner.command("job.cancel", job_id=first.ids["job_id"])
    stopped = await until(
        house.owner, task_id, lambda task: status(task, first.ids["job_id"]) == "cancelled"
    )

    again = await house.owner.command("task.archive", task_id=task_id)

    await until(house.owner, task_id, lambda task: task["status"] == "archived")
    assert (standing.events, standing.ids["job_id"]) == ([], first.ids["job_id"])
    assert (stopped["status"], stopped["status_message"]) == (
        "archiving",
        "Putting the sandbox away was cancelled; retry the job, or archive the task again.",
    )
    assert again.events == ["job_announced", "issue_resolved"]
    assert again.ids["job_id"] != first.ids["job_id"]


async def test_an_archive_is_not_taken_up_again_beside_a_kill(
    house: House, node: NodeProcess, stuck: Stuck, enter: Enter
) -> None:
    task_id = (await house.finished_task("true")).ids["task_id"]
    stuck.stick("worktree")
    archive = (await house.owner.command("task.archive", task_id=task_id)).ids["job_id"]
    await stuck.is_stuck()
    await house.owner.command("job.cancel", job_id=archive)
    await until(house.owner, task_id, lambda task: status(task, archive) == "cancelled")
    stuck.stick("worktree")
    kill = (await house.owner.command("task.kill", task_id=task_id)).ids["job_id"]
    await stuck.is_stuck()

    refused = await house.owner.refused("job.retry", job_id=archive)
    left = await house.owner.data(f"task/{task_id}")
    node.kill()
    node.start()

    client = await enter(node.address, node.token)
    killed = await until(client, task_id, lambda task: status(task, kill) == "succeeded")
    assert (refused["status"], refused["code"]) == (422, "task_over")
    assert (status(left, archive), status(left, kill)) == ("cancelled", "running")
    assert killed["status"] == "killed"


def status(task: Any, job_id: str) -> str | None:
    return next((job["status"] for job in task["jobs"] if job["id"] == job_id), None)


async def until(client: Client, task_id: str, wanted: Callable[[Any], bool]) -> Any:
    topic = f"task/{task_id}"
    async with client.stream(topic) as stream:
        return await stream.until_data(topic, wanted, PROVISIONED_WITHIN)
