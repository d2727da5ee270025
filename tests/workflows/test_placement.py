"""Where a job is to run, by what the log says of its task."""

from typing import Any, cast

import pytest

from commands.aggregates import Aggregates
from events.memory import MemoryStore
from events.store import subject_of
from tests import facts
from tests.commands.test_aggregates import put
from tests.facts import Owned
from workflows.placement import Place, Placement


class EverybodyIsHere:
    def away(self, host: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("of", "host", "placed"),
    [
        (facts.OF_TASK, "h1", "here"),
        (facts.OF_TASK, "h2", "elsewhere"),
        (facts.OfRepository(), "h2", "anywhere"),
    ],
)
async def test_a_job_runs_where_its_tasks_sandbox_is(of: Owned, host: str, placed: Place) -> None:
    store = MemoryStore()
    begun = facts.commit(facts.task_created(), facts.sandbox_allocated())
    await put(store, begun, subject_of("task", facts.TASK))
    placement = Placement(Aggregates(store), cast("Any", EverybodyIsHere()), host=host)

    assert await placement.of(facts.job_announced(of)) == placed
