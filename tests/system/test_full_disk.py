"""A node that cannot write its files: it takes commands as long as the log has room, says what is wrong, and goes on."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx

from tests.system.client import Client
from tests.system.conftest import Enter, StartNode

WITHIN = 20.0
NOTHING = 4096
"""Bytes a file may have: less than any that is written here has already."""


def may_write(pid: int, size: int) -> None:
    """Limit the file size of this process alone: its nats-server has a disk of its own."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


async def test_a_node_that_cannot_write_waits_for_room_and_loses_nothing(
    start_node: StartNode, enter: Enter
) -> None:
    node = await asyncio.to_thread(start_node)
    client = await enter(node.address, node.token)
    await client.command("organization.create", name="Before")

    may_write(node.pid, NOTHING)
    made = await client.command("organization.create", name="Meanwhile")
    reasons = await ready_says(client, lambda answer: bool(answer["reasons"]))
    still = await ready_says(client, lambda answer: bool(answer["lag_ms"] > 2000))
    may_write(node.pid, resource.RLIM_INFINITY)

    assert [reason.partition(":")[0] for reason in (*reasons, *still)] == ["stuck", "stuck"]
    assert "disk I/O error" in still[0]
    view = await client.view(f"workspace/{made.ids['organization_id']}", at_least=made.position)
    assert view["data"]["name"] == "Meanwhile"
    assert await ready_says(client, lambda answer: not answer["reasons"]) == []
    assert node.stop() == 0


async def test_a_node_whose_file_another_process_holds_waits_for_it(
    start_node: StartNode, enter: Enter
) -> None:
    node = await asyncio.to_thread(start_node)
    client = await enter(node.address, node.token)
    (path,) = (node.data / "projections").glob("workspace-*.sqlite3")

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        made = await client.command("organization.create", name="Meanwhile")
        reasons = await ready_says(client, lambda answer: bool(answer["reasons"]))
        holder.execute("ROLLBACK")

    assert reasons == ["stuck: nothing can be written down here (database is locked)"]
    view = await client.view(f"workspace/{made.ids['organization_id']}", at_least=made.position)
    assert view["data"]["name"] == "Meanwhile"
    assert await ready_says(client, lambda answer: not answer["reasons"]) == []
    assert node.stop() == 0


async def ready_says(client: Client, enough: Callable[[dict[str, Any]], bool]) -> list[str]:
    """The reasons of /readyz, once its answer is `enough`."""
    async with asyncio.timeout(WITHIN):
        while True:
            answer: httpx.Response = await client.get("/readyz")
            said: dict[str, Any] = answer.json()
            reasons: list[str] = said["reasons"]
            assert answer.status_code == (503 if reasons else 200)
            if enough(said):
                return reasons
            await asyncio.sleep(0.1)
