"""Shared reads of a history's end: few questions to the store, and never an answer older than its question."""

import asyncio

import pytest

from commands.heads import Heads
from events.commit import Recorded
from events.ids import BEGINNING
from events.memory import MemoryStore
from runtime.errors import Unavailable
from tests import facts

SUBJECT = "evt.task.task_1"


class SlowStore(MemoryStore):
    """Counts reads of an end; each has read, and then waits to be let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.go_on = asyncio.Event()
        self.failing = False

    async def last(self, subject: str) -> Recorded | None:
        self.reads += 1
        found = await super().last(subject)
        await self.go_on.wait()
        if self.failing:
            raise Unavailable("The event store does not answer; try again.")
        return found


@pytest.fixture
async def store() -> SlowStore:
    return SlowStore()


async def asked(heads: Heads, times: int) -> list[asyncio.Task[Recorded | None]]:
    """This many questions, as far along as they get without an answer."""
    asking = [asyncio.create_task(heads.last(SUBJECT)) for _ in range(times)]
    for _ in range(5):
        await asyncio.sleep(0)
    return asking


async def test_questions_of_one_moment_share_one_read(store: SlowStore) -> None:
    asking = await asked(Heads(store), 10)
    store.go_on.set()
    assert await asyncio.gather(*asking) == [None] * 10
    assert store.reads == 1


async def test_whoever_asks_while_a_read_is_under_way_gets_the_next_one(store: SlowStore) -> None:
    heads = Heads(store)
    (early,) = await asked(heads, 1)
    commit = facts.commit(facts.task_created(), command_id="create")
    position = await store.append(SUBJECT, commit, expected=BEGINNING, message_id="m1")
    late = await asked(heads, 10)
    store.go_on.set()
    assert await early is None
    for answer in await asyncio.gather(*late):
        assert answer is not None
        assert answer.position == position
    assert store.reads == 2


async def test_an_asker_that_gives_up_leaves_the_others_their_answer(store: SlowStore) -> None:
    first, second = await asked(Heads(store), 2)
    first.cancel()
    store.go_on.set()
    assert await second is None
    assert store.reads == 1


async def test_a_failed_read_is_told_to_all_who_asked_and_to_nobody_later(store: SlowStore) -> None:
    heads = Heads(store)
    store.failing = True
    asking = await asked(heads, 2)
    store.go_on.set()
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, Unavailable)
    store.failing = False
    assert await heads.last(SUBJECT) is None
