"""What breaks below the system is mended or said, and costs nobody what they were promised."""

import asyncio
import os
import resource
import signal
from pathlib import Path

from tests.process_tree import children, gone, name
from tests.system.client import Client, new_key, problem
from tests.system.conftest import Enter, StartNode

MENDED_WITHIN = 90.0


async def test_a_killed_nats_server_comes_back_and_nothing_is_lost(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node()
    client = await enter(node.address, node.token)
    async with client.stream("app") as stream:
        await stream.until_ready()
        before = await client.command("organization.create", name="Before")

        os.kill(_nats_server_of(node.pid), signal.SIGKILL)
        after = await _create_at_last(client, "After")

        await stream.until_version("app", after)
        await client.agrees_with(stream)

    names = [one["name"] for one in stream.held["app"].data["organizations"]]
    assert sorted(names) == ["After", "Before"]
    assert after > before.position
    (again,) = [one for one in stream.about("app") if one.data["version"] == before.position]
    assert again.name == "change"


async def test_a_log_that_could_not_be_written_is_written_again_when_there_is_room(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node()
    client = await enter(node.address, node.token)
    await client.command("organization.create", name="Before")
    # As a full disk: the server's next write fails, and so does every one after it.
    limit = _size_of_log(node.data)
    resource.prlimit(_nats_server_of(node.pid), resource.RLIMIT_FSIZE, (limit, limit))

    after = await _create_at_last(client, "After")

    names = [one["name"] for one in (await client.data("app", at_least=after))["organizations"]]
    assert "starting it anew" in node.log.read_text()
    assert sorted(names) == ["After", "Before"]


async def test_nothing_outlives_a_killed_node(start_node: StartNode) -> None:
    node = start_node()
    started = children(node.pid)
    assert started

    node.kill()

    assert all([await gone(pid) for pid in started])


async def _create_at_last(client: Client, name: str) -> int:
    """Create an organization however often it takes, always with one key; its position."""
    key = new_key()
    async with asyncio.timeout(MENDED_WITHIN):
        while True:
            answer = await client.submit("organization.create", key=key, name=name)
            if answer.status_code == 202:
                return int(answer.json()["position"])
            assert problem(answer)["code"] == "unavailable"
            await asyncio.sleep(float(answer.headers["retry-after"]))


def _size_of_log(data: Path) -> int:
    """The size of the file that the server writes commits to."""
    (block,) = (data / "nats" / "jetstream").rglob("EVENTS/msgs/1.blk")
    return block.stat().st_size


def _nats_server_of(pid: int) -> int:
    (server,) = [child for child in children(pid) if name(child) == "nats-server"]
    return server
