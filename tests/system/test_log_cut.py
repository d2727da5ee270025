"""A log that lost its end and went on differently: nobody is shown, or goes on from, what is not in it any more."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.client import Client
from tests.system.conftest import OWNER_TOKEN, Enter, StartNode
from tests.system.restored_log import RestoredLog
from tests.system.stream import Stream

MENDED_WITHIN = 60.0


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
        await told.until_version(topic, lost[-1])
        await told.until_ready()
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

    late = await asyncio.to_thread(start_node, "late", "commands", "read", **settings)
    third = await enter(late.address, OWNER_TOKEN)
    await asyncio.to_thread(nodes[0].stop)
    await asyncio.to_thread(nodes[0].start)
    again = await enter(nodes[0].address, OWNER_TOKEN)
    for client in (again, two, third):
        assert (await settled(client, topic, "After 4"))["epoch"] in epochs
        await is_not_taken_for_valid(client, topic, told, tag)
        answer = await client.order(
            "organization.update",
            organization_id=organization_id,
            name="Stale",
            if_match=f'"{tag}"',
        )
        assert answer.status_code == 412


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
            answer = await client.order(
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
