"""A node of the write side on a store in memory, and its HTTP edge."""

from collections.abc import AsyncIterator

import httpx
import pytest

from events.memory import MemoryStore
from tests.commands.edge import Edge
from tests.commands.node import Acme, Node, acme, node_on


@pytest.fixture
async def node(memory_store: MemoryStore) -> AsyncIterator[Node]:
    async with node_on(memory_store) as node:
        yield node


@pytest.fixture
async def edge(node: Node) -> Edge:
    await node.owner()
    return Edge(node)


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with edge.client() as client:
        yield client


@pytest.fixture
async def place(node: Node, edge: Edge) -> Acme:
    return await acme(node)
