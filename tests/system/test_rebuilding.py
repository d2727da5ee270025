"""`foundry rebuild` while people work: invisible when nothing was wrong, one reset when something was repaired."""

import asyncio
import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

from tests.process_tree import command_line, descendants
from tests.system.client import WITHIN, problem
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.node_process import Finished, NodeProcess
from tests.system.people import House


async def test_a_rebuild_under_load_is_not_noticed(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    async with house.owner.stream(house.workspace) as stream:
        await stream.until_ready()
        rebuilding = asyncio.create_task(_rebuild(node))
        while not rebuilding.done():
            last = await house.create_task()
        await stream.until_version(house.workspace, last.position)

    done = await rebuilding
    assert done.status == 0, done.err
    assert all(json.loads(line) for line in done.out.split("\n") if line)
    first, *others = stream.about(house.workspace)
    assert {event.name for event in others} == {"change"}
    view = await house.owner.view(house.workspace)
    assert view["epoch"] == first.data["epoch"]


async def test_a_row_that_was_spoilt_is_repaired_with_one_reset(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    created = await house.finished_task("true", title="As it was")
    before = await house.owner.view(house.workspace, at_least=created.position)
    node.stop()
    _spoil(node.data)
    node.start()
    client = await enter(node.address, node.token)
    spoilt = await client.data(house.workspace)

    async with client.stream(house.workspace) as stream:
        await stream.until_ready()
        done = await _rebuild(node)
        await stream.until(
            lambda event: event.name == "snapshot" and event.data["cause"]["kind"] == "reset"
        )
        made = await client.command("task.create", repository_id=house.repository_id, prompt="true")
        await stream.until_version(house.workspace, made.position)

    assert "Spoilt by" in str(spoilt)
    assert done.status == 0, done.err
    assert [event.data["cause"]["kind"] for event in stream.named("snapshot")] == [
        "bootstrap",
        "reset",
    ]
    after = await client.view(house.workspace)
    assert after["epoch"] == before["epoch"] + "-1"
    assert "As it was" in str(after["data"])
    assert "Spoilt by" not in str(after["data"])


async def test_a_file_that_a_question_finds_damaged_is_made_anew_by_the_next_start(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    owner = await enter(node.address, node.token)
    house = await House.build(owner, git_repository.url)
    async with owner.stream(house.workspace) as stream:
        # A job that goes on after the start would have the rows read before they are damaged.
        await stream.until_data(house.workspace, _is_synced)
    node.stop()
    node.start()
    _damage(node.data)
    client = await enter(node.address, node.token)

    async with client.stream(house.workspace) as stream:
        bye = await stream.until_named("bye")
    refusal = problem(await client.get(f"/v1/views/{house.workspace}"))
    status = await asyncio.to_thread(node.ended, 20)
    node.start()
    client = await enter(node.address, node.token)

    assert (bye.data["code"], bye.data["retry"]) == ("unavailable", True)
    assert (refusal["status"], refusal["code"], status) == (503, "unavailable", 1)
    assert "the next start makes it anew" in node.end_of_log()
    (repository,) = (await client.data(house.workspace))["repositories"]
    assert repository["id"] == house.repository_id


async def test_a_rebuild_whose_asker_leaves_is_in_nobodys_way(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_DURABILITY="os")
    owner = await enter(node.address, node.token)
    people = b"".join(
        b'{"name": "user.create", "data": {"name": "One of many"}}\n' for _ in range(2000)
    )
    await owner.batch(people)

    async with owner.http.stream("POST", "/v1/operator/rebuild/app_shell") as asked:
        await anext(asked.aiter_lines())
    async with asyncio.timeout(WITHIN):
        while (done := await asyncio.to_thread(node.run, "verify", "app_shell")).status != 0:
            assert "is being built already" in done.err

    assert list((node.data / "projections").glob("*.building*")) == []


async def test_a_rebuild_is_told_when_its_node_goes_and_leaves_nothing(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS="0")
    owner = await enter(node.address, node.token)
    await owner.command("user.create", name="Somebody")

    async with owner.http.stream("POST", "/v1/operator/rebuild/app_shell") as asked:
        os.kill(await _building(node), signal.SIGSTOP)
        stopping = asyncio.create_task(asyncio.to_thread(node.stop))
        lines = [json.loads(line) async for line in asked.aiter_lines()]
        status = await stopping

    assert (lines[-1]["code"], status) == ("draining", 0)
    assert list((node.data / "projections").glob("*.building*")) == []
    assert "Traceback" not in node.log.read_text()


async def test_a_projection_nobody_knows_is_not_rebuilt(start_node: StartNode) -> None:
    node = start_node()

    done = await asyncio.to_thread(node.run, "rebuild", "nonsense")

    assert done.status != 0


def _is_synced(workspace: Any) -> bool:
    return [one["branches_status"] for one in workspace["repositories"]] == ["fresh"]


async def _building(node: NodeProcess) -> int:
    """The process that builds a projection, once it runs."""
    async with asyncio.timeout(WITHIN):
        while True:
            for process in descendants(node.pid):
                if "projectors.build" in command_line(process):
                    return process
            await asyncio.sleep(0)


async def _rebuild(node: NodeProcess) -> Finished:
    return await asyncio.to_thread(node.run, "rebuild", "workspace", "--json")


def _damage(data: Path) -> None:
    """Where the rows begin; whoever has read it before goes on with what is remembered."""
    (file,) = (data / "projections").glob("workspace-*.sqlite3")
    connection = sqlite3.connect(file)
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'rows'"
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with file.open("r+b") as pages:
        pages.seek((root - 1) * size)
        pages.write(b"\xff" * size)


def _spoil(data: Path) -> None:
    """What a broken disk or a curious person might do to the file of the workspaces."""
    (file,) = (data / "projections").glob("workspace-*.sqlite3")
    connection = sqlite3.connect(file)
    with connection:
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
                connection.execute(
                    f"UPDATE {table} SET {column[1]} ="
                    f" CAST(replace(CAST({column[1]} AS TEXT), 'As it was', 'Spoilt by') AS BLOB)"
                    f" WHERE CAST({column[1]} AS TEXT) LIKE '%As it was%'"
                )
    connection.close()
