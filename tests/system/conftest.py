"""Running systems for the black-box tests: one shared by many, own ones for those that break things."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.nats_process import NatsServer, nats_server_in
from tests.system.client import Client
from tests.system.crashing import Crashing
from tests.system.git_repository import GitRepository
from tests.system.log_gate import LogGate, log_gate
from tests.system.node_process import NodeProcess
from tests.system.people import House, Person
from tests.system.stuck import Stuck

QUICK = {"FOUNDRY_HEARTBEAT_SECONDS": "0.5", "FOUNDRY_LOG_LEVEL": "info"}
OWNER_TOKEN = "the-owner-of-both-nodes"

StartNode = Callable[..., NodeProcess]
Enter = Callable[[str, str], Awaitable[Client]]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Everything in one process on its embedded nats-server; nobody may stop it."""
    node = NodeProcess(tmp_path_factory.mktemp("system") / "data", **QUICK)
    try:
        node.start()
        yield node
    finally:
        node.end()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Two nodes that take commands, answer and stream, on one nats-server; nobody may stop them."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "nats").mkdir()
    with nats_server_in(folder / "nats") as nats:
        settings = {
            "FOUNDRY_NATS_URL": nats.url_with_password,
            "FOUNDRY_TOKEN": OWNER_TOKEN,
            **QUICK,
        }
        nodes = tuple(
            NodeProcess(folder / name, "commands", "read", **settings) for name in ("one", "two")
        )
        try:
            for node in nodes:
                node.start()
            yield nodes[0], nodes[1]
        finally:
            for node in nodes:
                node.end()


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Start a node of one's own, to be stopped, killed and started again."""
    nodes: list[NodeProcess] = []

    def start(name: str = "data", *roles: str, **settings: str) -> NodeProcess:
        node = NodeProcess(tmp_path / name, *roles, **{**QUICK, **settings})
        nodes.append(node)
        node.start()
        return node

    yield start
    for node in nodes:
        node.end()


@pytest.fixture
async def enter() -> AsyncIterator[Enter]:
    """A client of an address with a token, closed at the test's end."""
    async with AsyncExitStack() as open_clients:

        async def enter(address: str, token: str) -> Client:
            return await open_clients.enter_async_context(Client(address, token))

        yield enter


@pytest.fixture
async def owner(system: NodeProcess, enter: Enter) -> Client:
    """The first user, at the shared system."""
    return await enter(system.address, system.token)


@pytest.fixture
def git_repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "remotes" / "project")


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Stuck]:
    stuck = Stuck(tmp_path / "moods")
    yield stuck
    stuck.close()


@pytest.fixture
async def house(owner: Client, git_repository: GitRepository) -> House:
    """An organization of this test alone on the shared system, with a repository."""
    return await House.build(owner, git_repository.url)


@pytest.fixture
async def pair_house(pair: tuple[NodeProcess, NodeProcess], enter: Enter) -> tuple[House, Client]:
    """An organization of this test alone, seen through the first node; and its owner at the second."""
    one, two = [await enter(node.address, OWNER_TOKEN) for node in pair]
    house = await House.build(one, "https://git.example/{organization}")
    return house, two


@pytest.fixture
async def stranger(owner: Client, enter: Enter) -> Person:
    """Somebody who belongs to no organization, at the shared system."""
    return await Person.arrive(owner, enter, "Stranger")


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    (tmp_path / "nats").mkdir()
    with nats_server_in(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def gate(nats: NatsServer) -> AsyncIterator[LogGate]:
    async with log_gate(nats) as gate:
        yield gate


@pytest.fixture
async def crashing(
    start_node: StartNode, enter: Enter, nats: NatsServer, gate: LogGate, tmp_path: Path
) -> AsyncIterator[Crashing]:
    staying = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "staying", "commands", "read", **staying)
    worker = NodeProcess(
        tmp_path / "worker", "workers", **QUICK, **{**staying, "FOUNDRY_NATS_URL": gate.url}
    )
    client = await enter(node.address, OWNER_TOKEN)
    await asyncio.to_thread(worker.start)
    try:
        repository = GitRepository(tmp_path / "remotes" / "project")
        yield Crashing(worker, gate, await House.build(client, repository.url))
    finally:
        gate.arm(None)
        await asyncio.to_thread(worker.end)
