"""Which tasks are told that the host they need is away."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from commands.aggregates import Aggregates
from commands.directory import Directory
from commands.reports import Reports
from events.commit import Recorded
from events.ids import BEGINNING, Position, TaskId, Timestamp
from events.memory import MemoryStore
from events.store import ALL, Limit, subject_of
from events.task import IssueRaised
from runtime.errors import Unavailable
from tests import facts
from tests.commands.test_aggregates import put
from workflows.host_watch import HostWatch
from workflows.steady_reports import SteadyReports

TASKS = [TaskId(f"task_{number}") for number in range(3)]


class SilentOnce(MemoryStore):
    """The first question about a history is not answered."""

    answering = False

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        if not self.answering:
            self.answering = True
            raise Unavailable("There is no leader.")
        return await super().load(subject, after=after, limit=limit)


class NobodyIsHere:
    away_seconds = 15.0

    def away(self, host: str) -> bool:
        return True


async def test_a_log_that_does_not_answer_for_a_moment_keeps_no_task_from_being_told(
    tmp_path: Path,
) -> None:
    store = SilentOnce()
    directory = await Directory.open(tmp_path / "directory.sqlite3", store)
    for task in TASKS:
        begun = facts.commit(facts.task_created(task), facts.sandbox_allocated(task))
        await directory.apply([await put(store, begun, subject_of("task", task))])
    aggregates = Aggregates(store)
    watch = HostWatch(
        aggregates=aggregates,
        directory=directory,
        reports=SteadyReports(Reports(store, aggregates, lambda: Timestamp(1))),
        presence=cast("Any", NobodyIsHere()),
        host="h2",
    )
    with pytest.raises(Unavailable):
        await watch.look()

    await watch.look()

    last = [await store.last(subject_of("task", task)) for task in TASKS]
    assert [type(one.commit.events[0]) for one in last if one] == [IssueRaised] * len(TASKS)
    directory.close()
