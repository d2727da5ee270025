"""A log that lost its end and went on differently: nobody is shown, or goes on from, what is not in it any more."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.system.client import Client
from tests.system.conftest import OWNER_TOKEN, Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import House, turn_is_over
from tests.system.restored_log import RestoredLog
from tests.system.stream import Stream

MENDED_WITHIN = 60.0
LONG = 100_000 + os.getpid()
"""Seconds that nothing else on this machine sleeps."""


@pytest.fixture
def restored_log(tmp_path: Path) -> Iterator[RestoredLog]:
    with RestoredLog(tmp_path / "nats") as log:
        yield log


async def test_states_of_a_lost_end_of_the_log_are_replaced_everywhere(
    restored_log: RestoredLog, start_node: StartNode, enter: Enter
) -> None:
    settings = {"FOUNDRY_NATS_URL": restored_log.url, "FOUNDRY_TOKEN": OWNER_TOKEN}
    nodes = [
        await asyncio.to_thread(start_node, name, "commands", "read", **settings)
        for name in ("one", "two")
    ]
    one, two = [await enter(node.address, OWNER_TOKEN) for node in nodes]
    made = await one.command("organization.create", name="Kept")
    organization_id = made.ids["organization_id"]
    topic = f"workspace/{organization_id}"
    await two.view(topic, at_least=made.position)

    await asyncio.to_thread(restored_log.keep)
    lost = [await renamed(one, organization_id, f"Lost {number}") for number in range(3)]
    before = await two.view(topic, at_least=lost[-1])
    tag = f"{before['epoch']}.{before['version']}"
    assert before["data"]["name"] == "Lost 2"

    async with one.stream(topic) as watching, two.stream(topic) as told:
        await watching.until_ready()
        await told.until_ready()
        await told.until_version(topic, lost[-1])
        assert (await one.view(topic))["epoch"] == before["epoch"]

        await asyncio.to_thread(restored_log.restore)
        await asyncio.to_thread(restored_log.start)
        after = [await renamed(two, organization_id, f"After {number}") for number in range(5)]
        assert after[0] <= lost[-1] < after[-1]
        views = [await settled(client, topic, "After 4") for client in (one, two)]

        epochs = {view["epoch"] for view in views}
        assert len(epochs) == 1
        assert before["epoch"] not in epochs
        for stream in (watching, told):
            await until_reset(stream, topic, "After 4")

        assert all("the log lost its end" in node.log.read_text() for node in nodes)

    late = await asyncio.to_thread(start_node, "late", "commands", "read", **settings)
    third = await enter(late.address, OWNER_TOKEN)
    await asyncio.to_thread(nodes[0].stop)
    await asyncio.to_thread(nodes[0].start)
    again = await enter(nodes[0].address, OWNER_TOKEN)
    for client in (again, two, third):
        assert (await settled(client, topic, "After 4"))["epoch"] in epochs
        await is_not_taken_for_valid(client, topic, told, tag)
        answer = await client.submit(
            "organization.update",
            organization_id=organization_id,
            name="Stale",
            if_match=f'"{tag}"',
        )
        assert answer.status_code == 412


async def test_commits_of_others_over_the_lost_positions_are_noticed_at_the_start(
    restored_log: RestoredLog, start_node: StartNode, enter: Enter
) -> None:
    settings = {"FOUNDRY_NATS_URL": restored_log.url, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "one", "commands", "read", **settings)
    client = await enter(node.address, OWNER_TOKEN)
    made = await client.command("organization.create", name="Kept")
    organization_id = made.ids["organization_id"]
    topic = f"workspace/{organization_id}"
    await asyncio.to_thread(restored_log.keep)
    lost = [await renamed(client, organization_id, f"Lost {number}") for number in range(3)]
    async with client.stream(topic) as told:
        await told.until_ready()
        await told.until_version(topic, lost[-1])
    tag = told.held[topic].tag
    await asyncio.to_thread(node.stop)

    await asyncio.to_thread(restored_log.restore)
    await asyncio.to_thread(restored_log.start)
    # It never saw the lost end, so it cannot know.
    other = await asyncio.to_thread(start_node, "other", "commands", **settings)
    stranger = await enter(other.address, OWNER_TOKEN)
    after = [await renamed(stranger, organization_id, f"After {number}") for number in range(5)]
    assert after[:3] == lost
    await asyncio.to_thread(node.start)

    client = await enter(node.address, OWNER_TOKEN)
    assert (await client.data(topic, at_least=after[-1]))["name"] == "After 4"
    await is_not_taken_for_valid(client, topic, told, tag)
    history = await asyncio.to_thread(node.run, "history", "log_events")
    assert "log_cut" in history.out


async def is_not_taken_for_valid(client: Client, topic: str, old: Stream, tag: str) -> None:
    """A cursor, a held version and an entity tag of the lost end of the log are worth nothing at this node."""
    answer = await client.get(f"/v1/views/{topic}", headers={"If-None-Match": f'"{tag}"'})
    assert answer.status_code == 200
    async with client.stream(topic, after=old) as resumed:
        await resumed.until_ready()
        assert [one.data["cause"]["kind"] for one in resumed.about(topic)] == ["reset"]
    async with client.fetch_stream({topic: tag}) as resumed:
        await resumed.until_ready()
        assert [one.data["cause"]["kind"] for one in resumed.about(topic)] == ["reset"]


async def renamed(client: Client, organization_id: str, name: str) -> int:
    """The position of the commit, however long the log stays away."""
    async with asyncio.timeout(MENDED_WITHIN):
        while True:
            answer = await client.submit(
                "organization.update", organization_id=organization_id, name=name
            )
            if answer.status_code == 202:
                return int(answer.json()["position"])
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(float(answer.headers["retry-after"]))


async def settled(client: Client, topic: str, name: str) -> dict[str, object]:
    """The view as soon as it says what the log says now."""
    async with asyncio.timeout(MENDED_WITHIN):
        while True:
            answer = await client.get(f"/v1/views/{topic}")
            if answer.status_code == 200 and answer.json()["data"]["name"] == name:
                view: dict[str, object] = answer.json()
                break
            await asyncio.sleep(0.1)
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.1)
    return view


async def until_reset(stream: Stream, topic: str, name: str) -> None:
    await stream.until_data(topic, lambda data: data["name"] == name, MENDED_WITHIN)
    assert any(
        one.name == "snapshot" and one.data["cause"]["kind"] == "reset"
        for one in stream.about(topic)
    )


async def test_a_whole_data_folder_that_was_put_back_is_told_by_its_operator(
    start_node: StartNode, enter: Enter, tmp_path: Path
) -> None:
    node = await asyncio.to_thread(start_node)
    client = await enter(node.address, node.token)
    made = await client.command("organization.create", name="Kept")
    organization_id = made.ids["organization_id"]
    topic = f"workspace/{organization_id}"
    await client.view(topic, at_least=made.position)
    await asyncio.to_thread(node.stop)
    await asyncio.to_thread(shutil.copytree, node.data, tmp_path / "backup")
    await asyncio.to_thread(node.start)
    client = await enter(node.address, node.token)
    lost = await renamed(client, organization_id, "Lost")
    async with client.stream(topic) as told:
        await told.until_ready()
        await told.until_version(topic, lost)
    await asyncio.to_thread(node.stop)

    await asyncio.to_thread(shutil.rmtree, node.data)
    await asyncio.to_thread(shutil.copytree, tmp_path / "backup", node.data)
    said = await asyncio.to_thread(node.run, "restored")
    assert said.status == 0, said.err
    await asyncio.to_thread(node.start)

    client = await enter(node.address, node.token)
    assert (await client.data(topic))["name"] == "Kept"
    await is_not_taken_for_valid(client, topic, told, told.held[topic].tag)


async def test_workers_go_by_the_histories_that_are_left(
    restored_log: RestoredLog,
    start_node: StartNode,
    enter: Enter,
    git_repository: GitRepository,
) -> None:
    settings = {"FOUNDRY_NATS_URL": restored_log.url, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "node", "commands", "read", **settings)
    client = await enter(node.address, OWNER_TOKEN)
    house = await House.build(client, git_repository.url)
    waiting = f"task/{(await house.create_task()).ids['task_id']}"
    await asyncio.to_thread(restored_log.keep)

    worker = await asyncio.to_thread(start_node, "worker", "workers", **settings)
    await until_view(client, waiting, is_done)
    running = f"task/{(await house.create_task(f'sleep {LONG}')).ids['task_id']}"
    await until_view(client, running, lambda task: task["status"] == "running")
    async with asyncio.timeout(MENDED_WITHIN):
        while not await asyncio.to_thread(sleeps):
            await asyncio.sleep(0.1)
    before = (await client.view(waiting))["epoch"]

    await asyncio.to_thread(restored_log.restore)
    await asyncio.to_thread(restored_log.start)
    await until_answered(client, waiting, lambda view: view["epoch"] != before)

    # What was announced and done is announced again, and is done again; what was lost is let go.
    await until_view(client, waiting, is_done)
    assert (await client.get(f"/v1/views/{running}")).status_code == 404
    fresh = f"task/{(await house.create_task()).ids['task_id']}"
    await until_view(client, fresh, is_done)
    assert not await asyncio.to_thread(sleeps)
    assert (await client.http.get(f"{worker.address}/readyz")).status_code == 200


def is_done(task: Any) -> bool:
    return turn_is_over(task) and task["status"] == "idle"


def sleeps() -> list[str]:
    """The processes that run what the lost task was to run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes() == b"sleep\0%d\0" % LONG:
                found.append(process.name)
    return found


async def until_view(client: Client, topic: str, wanted: Callable[[Any], bool]) -> None:
    await until_answered(client, topic, lambda view: wanted(view["data"]))


async def until_answered(client: Client, topic: str, wanted: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(MENDED_WITHIN):
        while True:
            answer = await client.get(f"/v1/views/{topic}")
            if answer.status_code == 200 and wanted(answer.json()):
                return
            await asyncio.sleep(0.1)
