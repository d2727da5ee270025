"""A node that is leaving asks its clients to go: each opens one other stream first, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from foundry_client import Foundry
from foundry_client.chaos.http import Request
from foundry_client.chaos.proxy import ChaosProxy
from foundry_client.chaos.sources import Reply, Upstream
from tests.clients.chaos import serving
from tests.clients.following import Following, state_of
from tests.gateway.memory_views import MemoryViews, put
from tests.gateway.node import TOPICS, Node, running

CLIENTS = 20
TASK = "task/task_1"
WATCHED = ["workspace/org_1", TASK, "transcript/ses_1"]
DRAIN_SECONDS = 20.0
"""A quarter of it is what each client has to move, on a machine that may have other things to do."""


class Balancer:
    """Sends every new request to one node, and can be told to use the other."""

    def __init__(self, http: httpx.AsyncClient, nodes: tuple[Node, Node]) -> None:
        self._upstreams = [Upstream(http, f"http://127.0.0.1:{node.port}") for node in nodes]
        self.current = 0

    @asynccontextmanager
    async def ask(self, request: Request, path: str) -> AsyncIterator[Reply]:
        async with self._upstreams[self.current].ask(request, path) as reply:
            yield reply

    def broken(self) -> None:
        pass


async def test_every_client_opens_one_other_stream_before_it_leaves_the_first() -> None:
    views = MemoryViews(TOPICS)
    http = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
    async with running(views) as one, running(views) as two, http:
        balancer = Balancer(http, (one, two))
        async with serving(ChaosProxy(lambda: balancer)) as proxy:
            managers = [Foundry(proxy.address, token="ann") for _ in range(CLIENTS)]
            followed = [[Following(each, topic) for topic in WATCHED] for each in managers]
            states: list[str] = []
            for manager in managers:
                await state_of(manager, "live")
                manager.on("state", states.append)

            balancer.current = 1
            deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
            draining = asyncio.create_task(one.gateway.drain(deadline))
            commits = 0
            while not draining.done():
                commits += 1
                views.commit(TASK, put("self", "task_1", title=f"the {commits}th"))
                for _, task, _ in followed[:2]:
                    await task.until(has_title(f"the {commits}th"))
            for _, task, _ in followed:
                await task.until(has_title(f"the {commits}th"))
            counted = [manager.counters for manager in managers]
            for manager in managers:
                await manager.close()

            assert states == ["closed"] * CLIENTS
            assert proxy.proxy.done.streams == 2 * CLIENTS
    assert {(one["connections_created"], one["connections_disposed"]) for one in counted} == {
        (2, 1)
    }
    assert {(one["drains"], one["gaps"], one["reconnect_attempts"]) for one in counted} == {
        (1, 0, 0)
    }
    for _, task, _ in followed:
        versions = [view.version for view, _ in task.told if view]
        assert versions == sorted(set(versions))
        assert len(versions) == 1 + commits


def has_title(title: str) -> Any:
    return lambda data: data["title"] == title
