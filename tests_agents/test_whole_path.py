"""Everything in one process, tasks on a sandbox-agent server: what a person sees over HTTP."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process_tree import runs
from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import House
from tests.workflows import sdk_agent

WITHIN = 60.0
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture
def node_settings() -> dict[str, str]:
    return {"FOUNDRY_AGENTS": f'{{"sdk": ["{sys.executable}", "{sdk_agent.__file__}"]}}'}


async def test_a_task_is_worked_on_over_there_and_put_away(house: House, tmp_path: Path) -> None:
    created = await house.finished_task("echo hello", agent="mock", sandbox="sandbox-agent")
    task_id = created.ids["task_id"]
    task = await house.owner.data(f"task/{task_id}")
    sandbox = task["sandboxes"][0]
    tree = Path(sandbox["path"])

    assert sandbox["provider"] == "sandbox-agent"
    assert tree.is_relative_to(tmp_path / "over there")
    assert (tree / "word.txt").exists()
    transcript = await house.owner.data(f"transcript/{created.ids['session_id']}")
    assert [entry["text"] for entry in transcript["entries"]] == ["echo hello", "hello"]

    (tree / "new.txt").write_text("1\n")
    async with house.owner.stream(f"files/{task_id}", f"task/{task_id}") as stream:
        await house.owner.command(
            "agent_session.send", task_id=task_id, session_id=created.ids["session_id"], text="tool"
        )
        files = await stream.until_data(f"files/{task_id}", lambda files: bool(files["files"]))
        await house.owner.command("task.kill", task_id=task_id)
        await stream.until_data(f"task/{task_id}", lambda task: task["status"] == "killed")

    assert [file["id"] for file in files["files"]] == ["new.txt"]
    assert not tree.exists()


async def test_the_work_of_the_shell_agent_leaves_its_sandbox(
    house: House, git_repository: GitRepository
) -> None:
    created = await house.finished_task(
        "echo 1 >'n ü'; echo changed >word.txt", sandbox="sandbox-agent"
    )
    task_id = created.ids["task_id"]
    git_repository.git("checkout", "--quiet", "--detach")

    async def done(command: str, **fields: str) -> Any:
        accepted = await house.owner.command(command, task_id=task_id, **fields)
        topic = f"job/{accepted.ids['job_id']}"
        async with house.owner.stream(topic) as stream:
            job = await stream.until_data(topic, lambda job: job["status"] in ENDED, WITHIN)
        assert job["status"] == "succeeded", job
        return job

    await done("task.revert_file", path="word.txt")
    await done("task.rename_branch", branch="better/ü")
    await done("task.push")
    await done("task.merge")

    assert git_repository.git("show", "better/ü:n ü") == "1"
    assert git_repository.git("show", "main:n ü") == "1"
    assert git_repository.git("diff", "main^1", "main", "--", "word.txt") == ""
    assert (await house.owner.data(f"task/{task_id}"))["branch"] == "better/ü"


async def test_what_a_killed_worker_left_over_there_is_removed_at_the_next_start(
    node: NodeProcess, house: House, tmp_path: Path
) -> None:
    created = await house.finished_task("true", agent="mock", sandbox="sandbox-agent")
    task_id = created.ids["task_id"]
    started = await house.owner.command(
        "process.start",
        task_id=task_id,
        command="sh",
        args=["-c", "echo $$ && exec sleep 600"],
    )
    topic = f"processes/{task_id}"
    async with house.owner.stream(topic) as stream:
        seen = await stream.until_data(
            topic, lambda data: any(one["tail"] for one in data["processes"]), WITHIN
        )
    pid = int(seen["processes"][0]["tail"])
    tree = Path((await house.owner.data(f"task/{task_id}"))["sandboxes"][0]["path"])
    never_recorded = [
        tree.with_name("task_unheard"),
        tree.parent.with_name("sandbox_state") / "task_unheard",
    ]

    node.kill()
    for folder in never_recorded:
        folder.mkdir()
    node.start()

    async with Client(node.address, node.token) as owner, owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda data: data["processes"][0]["status"] == "exited", WITHIN
        )
    async with asyncio.timeout(WITHIN):
        while runs(pid) or any(folder.exists() for folder in never_recorded):
            await asyncio.sleep(0.05)
    assert started.ids["process_id"]
    assert tree.exists()


async def test_an_agent_the_server_does_not_have_is_a_clear_problem(house: House) -> None:
    created = await house.create_task("true", agent="gemini", sandbox="sandbox-agent")
    topic = f"task/{created.ids['task_id']}"

    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(topic, lambda task: bool(task["issues"]), WITHIN)

    assert (task["issues"][0]["stage"], task["issues"][0]["code"]) == (
        "agent_installed",
        "agent_unknown",
    )
    assert "has no agent gemini" in task["issues"][0]["message"]


async def test_an_agent_made_with_the_protocols_own_sdk_works_here(house: House) -> None:
    created = await house.finished_task("hello", agent="sdk", permissions="allow")

    transcript = await house.owner.data(f"transcript/{created.ids['session_id']}")
    said = [e["text"] for e in transcript["entries"] if e["kind"] == "agent_message_chunk"]
    assert said == ["hello", "selected"]
