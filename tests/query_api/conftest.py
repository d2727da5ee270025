"""A house in which an organization, a repository and one task with its session have been made."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.ids import Position
from events.memory import MemoryStore
from projectors.read_models import open_read_models
from tests import facts
from tests.projections.world import World
from tests.query_api.house import Doorkeeper, House

CREATED = Position(4)
"""The position of the commit that created the task."""


@pytest.fixture
async def house(tmp_path: Path, memory_store: MemoryStore) -> AsyncIterator[House]:
    async with open_read_models(tmp_path, memory_store) as models:
        world = World(models, memory_store, tmp_path)
        await world.happen(
            facts.commit(facts.user_created()),
            facts.commit(facts.organization_created(), command_id="c2"),
            facts.commit(facts.repository_added(), facts.job_announced(facts.OfRepository())),
            facts.commit(
                facts.task_created(),
                facts.session_created(),
                facts.message_queued(),
                facts.job_announced(),
                command_id="c4",
            ),
        )
        yield House(world, memory_store, Doorkeeper(memory_store))
