"""A fresh set of read models per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.memory import MemoryStore
from projectors.read_models import open_read_models
from tests.projections.world import World


@pytest.fixture
async def world(tmp_path: Path, memory_store: MemoryStore) -> AsyncIterator[World]:
    async with open_read_models(tmp_path, memory_store) as models:
        yield World(models, memory_store, tmp_path)
