"""What the log already says of a tree is remembered, within bounds."""

from collections.abc import Sequence

from commands.task import TASK
from events.commit import Event, Recorded
from events.ids import BEGINNING, Position, TaskId
from events.memory import MemoryStore
from events.store import ALL, Limit
from events.task_files import TreeChanged, TreeFile
from tests import facts
from tests.workflows.desk import Desk, Fixed, always
from workflows.stored_trees import StoredTrees


async def test_a_capture_reads_what_came_since_the_last_one_and_not_the_whole_history() -> None:
    read: list[int] = []

    class Counting(MemoryStore):
        async def load(
            self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
        ) -> Sequence[Recorded]:
            found = await super().load(subject, after=after, limit=limit)
            read.append(len(found))
            return found

    provider = Fixed()
    desk = Desk(Counting(), local=provider)
    await desk.begin()
    for number in range(20):
        provider.tree = tuple(TreeFile(path=f"{one}", size=1) for one in range(number))
        read.clear()
        await desk.files.capture(facts.TASK)
        assert max(read) <= 4

    changes = [event for event in await desk.events() if isinstance(event, TreeChanged)]
    assert changes[-1].put == (TreeFile(path="18", size=1),)


async def test_stored_trees_are_kept_in_bounds_and_forgotten_with_the_end_of_the_log() -> None:
    store = MemoryStore()
    trees = StoredTrees(store, paths=3)
    desk = Desk(store)
    for task in (facts.TASK, TaskId("task_2")):
        change: list[Event] = [
            TreeChanged(
                task_id=task,
                organization_id=facts.ORGANIZATION,
                repository_id=facts.REPOSITORY,
                put=tuple(TreeFile(path=name, size=1) for name in "ab"),
            )
        ]
        await desk.reports.report(TASK, task, always(change), report_id=task)
        assert await trees.of(task) == {"a": 1, "b": 1}
    assert len(trees) == 1

    trees.forget_all()

    assert len(trees) == 0
    assert await trees.of(facts.TASK) == {"a": 1, "b": 1}
