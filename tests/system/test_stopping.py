"""SIGTERM at bad moments: in the middle of the start, while the log is silent, while agents do not obey."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.tcp_proxy import TcpProxy, tcp_proxy
from tests.nats_process import NatsServer
from tests.system.conftest import OWNER_TOKEN, QUICK, Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.node_process import START_SECONDS, NodeProcess
from tests.system.people import PROVISIONED_WITHIN, House

DRAIN_SECONDS = 1
GONE_SECONDS = DRAIN_SECONDS + 5
DEAF = "trap '' TERM HUP INT; while :; do sleep 0.2; done"


@pytest.fixture
async def way(nats: NatsServer) -> AsyncIterator[TcpProxy]:
    """The worker's to the log; it can be spoilt."""
    async with tcp_proxy(nats.url) as proxy:
        yield proxy


@pytest.mark.parametrize("role", ["commands", "read", "workers"])
async def test_a_node_that_waits_for_its_log_goes_at_once(
    tmp_path: Path, nats: NatsServer, way: TcpProxy, role: str
) -> None:
    node = NodeProcess(tmp_path / "data", role, **_settings(nats, way.url))
    way.mute = True
    node.launch()
    async with asyncio.timeout(START_SECONDS):
        await way.swallowed.wait()

    status = await asyncio.to_thread(node.stop, GONE_SECONDS)

    assert status == 0


@pytest.mark.parametrize("spoil", ["freeze", "cut"])
async def test_a_worker_goes_while_its_log_is_silent_and_an_agent_does_not_obey(
    start_node: StartNode,
    enter: Enter,
    nats: NatsServer,
    way: TcpProxy,
    git_repository: GitRepository,
    spoil: str,
) -> None:
    settings = _settings(nats, nats.url)
    front = await asyncio.to_thread(start_node, "front", "commands", "read", **settings)
    worker = await asyncio.to_thread(start_node, "worker", "workers", **_settings(nats, way.url))
    house = await House.build(await enter(front.address, OWNER_TOKEN), git_repository.url)
    await _running(house, DEAF)
    way.refusing = spoil == "cut"
    (way.cut if spoil == "cut" else way.freeze)()

    status = await asyncio.to_thread(worker.stop, GONE_SECONDS)

    assert status == 0


async def test_agents_that_do_not_obey_do_not_hold_a_node_up(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS=str(DRAIN_SECONDS))
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    for _ in range(3):
        await _running(house, DEAF)

    status = await asyncio.to_thread(node.stop, GONE_SECONDS)

    assert status == 0


async def _running(house: House, script: str) -> None:
    created = await house.create_task(script)
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda task: task["sessions"][0]["status"] == "running", PROVISIONED_WITHIN
        )


def _settings(nats: NatsServer, url: str) -> dict[str, str]:
    return {
        **QUICK,
        "FOUNDRY_NATS_URL": url.replace("nats://", f"nats://{nats.user}:{nats.password}@"),
        "FOUNDRY_TOKEN": OWNER_TOKEN,
        "FOUNDRY_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
