"""Processes in a task's sandbox, started over HTTP and watched live."""

import asyncio
from typing import Any

import pytest

from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import House
from tests.system.stream import Stream

WITHIN = 30.0


async def the_process(stream: Stream, topic: str, **wanted: object) -> Any:
    """The first process of the view, once it is as wanted."""

    def as_wanted(data: Any) -> bool:
        return bool(data["processes"]) and wanted.items() <= data["processes"][0].items()

    return (await stream.until_data(topic, as_wanted, WITHIN))["processes"][0]


async def test_a_process_is_started_spoken_to_and_stopped_live(house: House) -> None:
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"processes/{task_id}"
    script = "echo ready; read line; echo heard $line; exec sleep 100"

    async with house.owner.stream(topic) as stream:
        started = await house.owner.command(
            "process.start", task_id=task_id, command="sh", args=["-c", script]
        )
        process_id = started.ids["process_id"]
        process = await the_process(stream, topic, status="running", tail="ready\n")
        assert (process["id"], process["command"]) == (process_id, "sh")

        await house.owner.command("process.write", process_id=process_id, text="you\n")
        await the_process(stream, topic, tail="ready\nheard you\n")

        wrong = {"task_id": "task_other", "process_id": process_id}
        assert (await house.owner.refused("process.stop", **wrong))["status"] == 404
        await house.owner.command("process.stop", task_id=task_id, process_id=process_id)
        process = await the_process(stream, topic, status="exited")

    assert process["exit_code"] == -15
    assert process["started_at"] <= process["exited_at"]
    over = await house.owner.refused("process.write", process_id=process_id, text="x")
    assert (over["status"], over["code"]) == (422, "process_over")


async def test_arguments_reach_a_process_as_they_are(house: House) -> None:
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"processes/{task_id}"
    script = 'for one in "$@"; do\n  echo "<$one>"\ndone'

    async with house.owner.stream(topic) as stream:
        await house.owner.command(
            "process.start",
            task_id=task_id,
            command="sh",
            args=["-c", script, "sh", "", "two\nlines", "$HOME *"],
        )
        process = await the_process(stream, topic, status="exited")

    assert process["tail"] == "<>\n<two\nlines>\n<$HOME *>\n"
    assert process["args"] == ["-c", script, "sh", "", "two\nlines", "$HOME *"]


async def test_what_a_process_does_to_the_files_is_seen(house: House) -> None:
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"files/{task_id}"

    async with house.owner.stream(topic) as stream:
        await house.owner.command(
            "process.start", task_id=task_id, command="sh", args=["-c", "echo 1 >made"]
        )
        data = await stream.until_data(topic, lambda data: bool(data["files"]), WITHIN)

    assert [file["id"] for file in data["files"]] == ["made"]


async def test_a_command_that_is_not_there_ends_with_127(house: House) -> None:
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"processes/{task_id}"

    async with house.owner.stream(topic) as stream:
        await house.owner.command("process.start", task_id=task_id, command="nothing-like-this")
        process = await the_process(stream, topic, status="exited")

    assert process["exit_code"] == 127
    assert "nothing-like-this" in process["tail"]


async def test_an_archived_task_has_no_process_left(house: House) -> None:
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"processes/{task_id}"

    async with house.owner.stream(topic) as stream:
        await house.owner.command("process.start", task_id=task_id, command="sleep", args=["100"])
        await the_process(stream, topic, status="running")
        await house.owner.command("task.archive", task_id=task_id)
        process = await the_process(stream, topic, status="exited")

    assert process["exit_code"] == -15
    refused = await house.owner.refused("process.start", task_id=task_id, command="ls")
    assert refused["code"] == "task_over"


@pytest.mark.parametrize(("end", "exit_code"), [("kill", None), ("stop", -15)])
async def test_a_process_ends_with_its_node_and_only_a_kill_leaves_its_exit_code_unseen(
    start_node: StartNode,
    enter: Enter,
    git_repository: GitRepository,
    end: str,
    exit_code: int | None,
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    task_id = (await house.finished_task()).ids["task_id"]
    topic = f"processes/{task_id}"
    async with house.owner.stream(topic) as stream:
        await house.owner.command("process.start", task_id=task_id, command="sleep", args=["100"])
        await the_process(stream, topic, status="running")

    await asyncio.to_thread(getattr(node, end))
    node.start()
    again = await enter(node.address, node.token)

    async with again.stream(topic) as stream:
        process = await the_process(stream, topic, status="exited")
    assert process["exit_code"] == exit_code


async def test_what_a_sandbox_may_use_is_bounded_by_settings(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(
        FOUNDRY_SANDBOX_MEMORY_MB="2000",
        FOUNDRY_SANDBOX_PROCESSES="5000",
        FOUNDRY_SANDBOX_OPEN_FILES="512",
    )
    house = await House.build(await enter(node.address, node.token), git_repository.url)

    # The agent itself is bounded, and so is what it runs. (Of bash, as a shell may not know -u.)
    created = await house.finished_task("bash -c 'ulimit -v; ulimit -u; ulimit -n'")

    transcript = await house.owner.data(f"transcript/{created.ids['session_id']}")
    said = [one["text"] for one in transcript["entries"] if one["kind"] == "agent_message_chunk"]
    assert "".join(said).split() == [str(2000 * 1024), "5000", "512"]
