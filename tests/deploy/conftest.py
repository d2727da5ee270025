"""The topology of compose.yaml, started once for all tests of this folder."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest

from tests.deploy.front import people_of
from tests.deploy.topology import TOKEN, Topology, topology
from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.people import House


class Readers(NamedTuple):
    """The two read nodes, each talked to directly."""

    one: Client
    two: Client


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(tmp_path_factory.mktemp("topology")) as running:
        yield running


@pytest.fixture
async def people(system: Topology) -> AsyncIterator[Client]:
    async with people_of(system) as client:
        yield client


@pytest.fixture
async def readers(system: Topology) -> AsyncIterator[Readers]:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(Client(system.upstream(service)[0], TOKEN))
            for service in ("read-1", "read-2")
        ]
        yield Readers(one, two)


@pytest.fixture
async def house(system: Topology, people: Client, request: pytest.FixtureRequest) -> House:
    """An organization of this test alone, with a repository where the workers find it."""
    remote = GitRepository(system.folder / "remotes" / request.node.name)
    return await House.build(people, remote.url)
