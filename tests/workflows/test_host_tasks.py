"""What an earlier life left in the tasks of this host, taken up whatever the log does meanwhile."""

from pathlib import Path
from typing import Any, cast

import pytest

from commands.directory import Directory
from events.ids import TaskId
from events.memory import MemoryStore
from events.store import subject_of
from runtime.errors import Unavailable
from tests import facts
from tests.commands.test_aggregates import put
from workflows import once_answered
from workflows.host_tasks import HostTasks

TASKS = [TaskId("task_1"), TaskId("task_2")]


class Here:
    """The sessions, processes, files and hosts of a worker, who only note whose turns are ended."""

    def __init__(self, *refusals: Unavailable) -> None:
        self._refusals = list(refusals)
        self.ended: list[TaskId] = []

    async def interrupt(self, task_id: TaskId) -> None:
        if self._refusals:
            raise self._refusals.pop(0)
        self.ended.append(task_id)

    async def is_back(self, task_id: TaskId) -> None:
        pass

    async def recover(self, task_id: TaskId) -> None:
        pass

    def wake(self, task_id: TaskId) -> None:
        pass

    def request(self, task_id: TaskId) -> None:
        pass


@pytest.mark.parametrize(
    ("refusal", "ended"),
    [
        (Unavailable("There is no leader."), TASKS),
        (Unavailable("Of newer code.", code="unreadable"), TASKS[1:]),
    ],
    ids=["the log is away", "a history cannot be read"],
)
async def test_only_a_history_that_cannot_be_read_leaves_a_turn_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Unavailable, ended: list[TaskId]
) -> None:
    monkeypatch.setattr(once_answered, "PAUSE_SECONDS", 0.0)
    store = MemoryStore()
    directory = await Directory.open(tmp_path / "directory.sqlite3", store)
    for task in TASKS:
        begun = facts.commit(facts.task_created(task), facts.sandbox_allocated(task))
        await directory.apply([await put(store, begun, subject_of("task", task))])
    worker = Here(refusal)
    here = cast("Any", worker)
    tasks = HostTasks(
        directory=directory, sessions=here, processes=here, files=here, hosts=here, host="h1"
    )

    await tasks.recover()

    assert worker.ended == ended
    directory.close()
