"""A node of the write side on a store in memory."""

from collections.abc import AsyncIterator

import pytest

from events.memory import MemoryStore
from tests.commands.node import Node, node_on


@pytest.fixture
async def node(memory_store: MemoryStore) -> AsyncIterator[Node]:
    async with node_on(memory_store) as node:
        yield node
