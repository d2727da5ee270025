"""A commit that an operator took out of the log is in nobody's way, even if it was the newest."""

import asyncio
import shutil

import msgspec

from runtime.connection import connect
from runtime.embedded_server import running_server
from tests.system.conftest import Enter, StartNode
from tests.system.node_process import NodeProcess


async def test_a_node_starts_though_the_newest_commit_was_deleted(
    start_node: StartNode, enter: Enter
) -> None:
    node = await asyncio.to_thread(start_node)
    client = await enter(node.address, node.token)
    made = await client.command("organization.create", name="Kept")
    secret = await client.command("organization.create", name="A secret somebody pasted")

    await delete(node, secret.position)
    node.kill()
    # As on a node that is new: nothing here remembers that commit.
    shutil.rmtree(node.data / "projections")
    (node.data / "directory.sqlite3").unlink()
    await asyncio.to_thread(node.start)

    again = await enter(node.address, node.token)
    assert (await again.get("/readyz")).json()["reasons"] == []
    view = await again.view(f"workspace/{made.ids['organization_id']}")
    assert view["data"]["name"] == "Kept"
    later = await again.command("organization.create", name="Later")
    assert later.position > secret.position
    await again.view(f"workspace/{later.ids['organization_id']}", at_least=later.position)

    verified = await asyncio.to_thread(node.run, "verify", "workspace")
    assert verified.status == 0
    # Processes that the node starts log as it does.
    lines = [msgspec.json.decode(line) for line in node.log.read_text().splitlines()]
    stepped_over = {"after": secret.position - 1, "before": later.position}
    assert any(line.items() >= stepped_over.items() for line in lines)


async def delete(node: NodeProcess, position: int) -> None:
    """What `nats stream rmm EVENTS <position>` does."""
    server = running_server(node.data / "nats")
    assert server is not None
    async with connect(server.url, user=server.user, password=server.password) as connection:
        request = msgspec.json.encode({"seq": position})
        answer = await connection.request("$JS.API.STREAM.MSG.DELETE.EVENTS", request, within=5)
        assert msgspec.json.decode(answer.data)["success"] is True
