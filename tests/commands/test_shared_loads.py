"""Many who ask for the same history at once: one load answers them, or fails for them, and for nobody who came later."""

import asyncio
from collections.abc import Sequence

from commands.aggregates import Aggregates
from commands.task import TASK
from commands.task_state import Task
from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from events.store import ALL, Limit
from runtime.errors import Unavailable
from tests import facts

SUBJECT = "evt.task.task_1"


class StoppedStore(MemoryStore):
    """Stops in each load, after it has read, until it is let go on; what is away then has no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.away = False
        self.go_on = asyncio.Event()

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        self.loads += 1
        history = await super().load(subject, after=after, limit=limit)
        await self.go_on.wait()
        if self.away:
            raise Unavailable("The event store does not answer; try again.")
        return history

    async def begun(self) -> None:
        """Wait until a load has read."""
        while self.loads == 0:
            await asyncio.sleep(0)


async def test_a_store_that_does_not_answer_is_waited_for_once_by_all_who_ask() -> None:
    store = StoppedStore()
    store.away = True
    aggregates = Aggregates(store)
    asked = [asyncio.create_task(aggregates.load(TASK, "task_1")) for _ in range(50)]
    await store.begun()

    store.go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in answers] == [Unavailable] * 50
    assert store.loads == 1

    store.away = False
    assert (await aggregates.load(TASK, "task_1")).position == BEGINNING


async def test_a_state_confirmed_behind_a_load_is_not_older_than_the_question() -> None:
    store = StoppedStore()
    await store.append(
        SUBJECT, facts.commit(facts.task_created()), expected=BEGINNING, message_id="made"
    )
    aggregates = Aggregates(store)
    loading = asyncio.create_task(aggregates.load(TASK, "task_1"))
    await store.begun()
    renamed = facts.commit(facts.task_renamed(title="New"))
    await store.append(SUBJECT, renamed, expected=Position(1), message_id="renamed")

    confirming = asyncio.create_task(aggregates.confirmed(TASK, "task_1"))
    await asyncio.sleep(0)
    store.go_on.set()
    state = (await confirming).state

    assert isinstance(state, Task)
    assert state.title == "New"
    await loading


async def test_who_asks_again_at_once_is_not_told_of_the_same_failure_for_ever() -> None:
    store = StoppedStore()
    store.away = True
    aggregates = Aggregates(store)
    told = 0

    async def ask() -> None:
        nonlocal told
        while told < 1000:
            try:
                await aggregates.load(TASK, "task_1")
                return
            except Unavailable:
                told += 1
                store.away = False

    asking = [asyncio.create_task(ask()) for _ in range(50)]
    await store.begun()
    store.go_on.set()
    await asyncio.gather(*asking)

    assert told == 50
