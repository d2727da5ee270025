"""The same streams under a server that knows nothing of them."""

import asyncio

import httpx
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.app import Gateway
from tests.gateway.guests import Guests
from tests.gateway.memory_views import MemoryViews, put
from tests.gateway.node import TOPICS, running


async def test_changes_arrive_over_plain_asgi() -> None:
    async with running(protocol=HttpToolsProtocol) as node, node.stream("app") as reader:
        await reader.until("ready")

        for number in range(3):
            node.views.write({"app/usr_ann": [put("session", f"ses_{number}")]})
        node.views.tell()
        await reader.until_version("app", node.views.position)

        assert reader.last_id is not None
        assert reader.held["app"].document.data == node.views.data("app/usr_ann")


async def test_a_slow_reader_over_plain_asgi_is_conflated_too() -> None:
    async with (
        running(protocol=HttpToolsProtocol) as node,
        node.stream("task/task_1", receive_buffer=4096) as reader,
    ):
        await reader.until("ready")
        for number in range(400):
            text = f"{number}:" + "x" * 50_000
            node.views.commit("task/task_1", put("session", f"ses_{number % 3}", text=text))
            await asyncio.sleep(0)
        (connection,) = node.gateway.streams
        assert connection.wire.pending < 256 * 1024

        await reader.until_version("task/task_1", node.views.position)

    updates = [event for event in reader.seen if event.name in ("change", "snapshot")]
    assert "conflated" in {event.data["cause"]["kind"] for event in updates}
    assert reader.held["task/task_1"].document.data == node.views.data("task/task_1")


async def test_streams_over_plain_asgi_end_when_clients_leave_and_when_the_node_drains() -> None:
    async with running(protocol=HttpToolsProtocol) as node, node.stream("app") as stays:
        await stays.until("ready")
        async with node.stream("app") as leaves:
            await leaves.until("ready")
        while len(node.gateway.streams) > 1:
            await asyncio.sleep(0)

        draining = asyncio.create_task(node.gateway.drain(asyncio.get_running_loop().time() + 0.5))
        events = await stays.rest()
        await draining

    assert [event.name for event in events][-2:] == ["drain", "bye"]


async def test_a_test_client_can_read_a_stream_that_ends() -> None:
    views = MemoryViews(TOPICS)
    gateway = Gateway(
        views, Guests(), node="node-a", lag_ms=lambda: 0, head=views.head, behind_seconds=0.05
    )
    transport = httpx.ASGITransport(app=gateway)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        body = {"topics": {"app": "app_shell-1.99"}}
        headers = {"Authorization": "Bearer ann"}
        answer = await client.post("/v1/stream", json=body, headers=headers)

    assert answer.status_code == 200
    assert answer.content.startswith(b"retry: 2000\n\nevent: hello\n")
    assert b'"code":"behind"' in answer.content
