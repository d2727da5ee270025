"""The cache of states: loaded once, bounded, fresh, and never twice the same commit."""

import asyncio
from collections.abc import Sequence

import pytest

from commands.aggregates import Aggregates
from commands.job import JOB
from commands.task import TASK
from commands.task_state import Task
from commands.transcript import TRANSCRIPT, Transcript
from events.commit import Commit, Event, Recorded
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from events.store import ALL, Limit
from runtime.errors import Unavailable
from tests import facts

TASK_SUBJECT = "evt.task.task_1"
MADE = facts.commit(facts.task_created(), command_id="create")


class CountingStore(MemoryStore):
    """Counts loads, and can be stopped in the middle of one: after it has read, before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        self.loads += 1
        history = await super().load(subject, after=after, limit=limit)
        await self.go_on.wait()
        return history

    def lose_the_last(self) -> None:
        """Lose the last commit, as a server does that was restored from an older copy."""
        lost = self._log.pop()
        assert lost is not None
        self._subjects[lost.subject].remove(lost)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
async def aggregates(store: CountingStore) -> Aggregates:
    return Aggregates(store)


async def put(store: MemoryStore, commit: Commit, subject: str = TASK_SUBJECT) -> Recorded:
    last = await store.last(subject)
    expected = last.position if last else BEGINNING
    head = await store.head()
    position = await store.append(subject, commit, expected=expected, message_id=f"m{head}")
    recorded = await store.at(position)
    assert recorded is not None
    return recorded


def renamed(title: str, command_id: str | None = None) -> Commit:
    return facts.commit(facts.task_renamed(title=title), command_id=command_id)


def title(state: object) -> str:
    assert isinstance(state, Task)
    return state.title


async def test_a_cold_aggregate_is_loaded_once_however_many_ask(
    store: CountingStore, aggregates: Aggregates
) -> None:
    await put(store, MADE)

    loaded = await asyncio.gather(*(aggregates.load(TASK, "task_1") for _ in range(50)))

    assert store.loads == 1
    assert all(one is loaded[0] for one in loaded)


async def test_the_tail_moves_a_kept_state_on_and_what_is_older_is_left_out(
    store: CountingStore, aggregates: Aggregates
) -> None:
    made = await put(store, MADE)
    await aggregates.load(TASK, "task_1")
    newer = await put(store, renamed("New", "rename"))

    await aggregates.apply([made, newer])
    await aggregates.apply([made, newer])

    loaded = await aggregates.load(TASK, "task_1")
    assert (title(loaded.state), loaded.position, loaded.command_position) == ("New", 2, 2)
    assert store.loads == 1


async def test_a_commit_that_arrives_while_its_aggregate_is_loaded_is_neither_missed_nor_doubled(
    store: CountingStore, aggregates: Aggregates
) -> None:
    made = await put(store, MADE)
    await aggregates.apply([made])
    store.go_on.clear()
    loading = asyncio.create_task(aggregates.load(TASK, "task_1"))
    while store.loads == 0:
        await asyncio.sleep(0)

    # The load has read the history already and has not answered; now the tail brings one more.
    await aggregates.apply([await put(store, renamed("New"))])
    store.go_on.set()

    assert title((await loading).state) == "New"
    assert title((await aggregates.load(TASK, "task_1")).state) == "New"


async def test_nothing_is_kept_of_what_never_was(
    store: CountingStore, aggregates: Aggregates
) -> None:
    assert (await aggregates.load(TASK, "task_1")).position == BEGINNING
    await put(store, MADE)

    assert (await aggregates.load(TASK, "task_1")).position == 1


async def test_a_confirmed_state_is_the_one_at_the_head(
    store: CountingStore, aggregates: Aggregates
) -> None:
    await put(store, MADE)
    await aggregates.load(TASK, "task_1")
    await put(store, renamed("New"))

    assert title((await aggregates.load(TASK, "task_1")).state) == "Fix login"
    assert title((await aggregates.confirmed(TASK, "task_1")).state) == "New"
    assert title((await aggregates.load(TASK, "task_1")).state) == "New"


async def test_what_was_kept_before_the_log_lost_its_tail_is_forgotten_when_confirmed(
    store: CountingStore, aggregates: Aggregates
) -> None:
    await put(store, MADE)
    await put(store, renamed("Lost"))
    await aggregates.load(TASK, "task_1")
    store.lose_the_last()

    assert title((await aggregates.confirmed(TASK, "task_1")).state) == "Fix login"


async def test_only_so_many_states_are_kept_and_the_oldest_unused_goes_first() -> None:
    store = CountingStore()
    aggregates = Aggregates(store, capacity=2)
    for number in (1, 2, 3):
        await put(store, MADE, f"evt.task.task_{number}")
    await aggregates.load(TASK, "task_1")
    await aggregates.load(TASK, "task_2")
    await aggregates.load(TASK, "task_1")
    await aggregates.load(TASK, "task_3")

    before = store.loads
    await aggregates.load(TASK, "task_1")
    assert store.loads == before
    await aggregates.load(TASK, "task_2")
    assert store.loads == before + 1


async def test_long_histories_count_for_more_than_short_ones() -> None:
    store = CountingStore()
    aggregates = Aggregates(store, keys_capacity=5)
    await put(store, MADE)
    for number in range(5):
        await put(store, renamed(f"Title {number}", f"c{number}"))
    await put(store, MADE, "evt.task.task_2")
    await aggregates.load(TASK, "task_1")
    await aggregates.load(TASK, "task_2")

    before = store.loads
    await aggregates.load(TASK, "task_2")
    assert store.loads == before
    await aggregates.load(TASK, "task_1")
    assert store.loads == before + 1


async def test_a_transcript_is_known_from_its_newest_commit_alone(
    store: CountingStore, aggregates: Aggregates
) -> None:
    subject = "evt.transcript.ses_1"
    await put(store, facts.commit(facts.entries_appended(facts.entry("a"))), subject)
    more = facts.entries_appended(facts.entry("b"), facts.entry("c"), first_index=2)
    await put(store, facts.commit(more), subject)

    loaded = await aggregates.load(TRANSCRIPT, "ses_1")

    assert (loaded.state, len(loaded.keys), store.loads) == (Transcript(4), 1, 0)


async def test_history_that_cannot_be_read_stops_its_own_aggregate_only(
    store: CountingStore, aggregates: Aggregates
) -> None:
    await put(store, MADE)
    await put(store, MADE, "evt.task.task_2")
    await aggregates.load(TASK, "task_1")
    await aggregates.load(TASK, "task_2")
    damaged = await put(store, renamed("Damaged"))
    damaged.decoded = None
    damaged.body = b"{"
    fine = await put(store, renamed("New"), "evt.task.task_2")

    await aggregates.apply([damaged, fine])

    with pytest.raises(Unavailable):
        await aggregates.load(TASK, "task_1")
    assert title((await aggregates.load(TASK, "task_2")).state) == "New"


async def test_an_announced_job_is_waited_for_until_its_own_history_begins(
    store: CountingStore, aggregates: Aggregates
) -> None:
    waiting = asyncio.create_task(aggregates.opened(JOB, "job_1", within=5))
    await asyncio.sleep(0)
    opened = await put(store, facts.commit(facts.job_opened()), "evt.job.job_1")

    await aggregates.apply([opened])

    assert (await waiting).position == opened.position


async def test_a_job_that_nobody_begins_with_is_not_waited_for_for_ever(
    aggregates: Aggregates,
) -> None:
    with pytest.raises(Unavailable) as refused:
        await aggregates.opened(JOB, "job_1", within=0.01)

    assert refused.value.code == "not_caught_up"


async def test_starting_forgets_what_was_loaded_before_and_asks_for_nothing_old(
    store: CountingStore, aggregates: Aggregates
) -> None:
    await put(store, MADE)
    await aggregates.load(TASK, "task_1")
    await put(store, renamed("New"))

    await aggregates.start()

    assert aggregates.checkpoint == 2
    assert title((await aggregates.load(TASK, "task_1")).state) == "New"


def test_the_events_of_one_commit_fold_one_after_another() -> None:
    events: list[Event] = [facts.task_created(), facts.session_created(), facts.message_queued()]

    state = TASK.fold(events)

    assert isinstance(state, Task)
    assert [one.id for one in state.sessions[facts.SESSION].queue] == [facts.MESSAGE]


class BehindForAMoment(CountingStore):
    """Answers `looks` looks at a head from an old state, as a new leader does that has not applied all that was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.old: Recorded | None = None
        self.looks = 0

    async def last(self, subject: str) -> Recorded | None:
        if self.looks == 0:
            return await super().last(subject)
        self.looks -= 1
        return self.old


async def test_a_leader_that_is_behind_for_a_moment_does_not_undo_what_is_known() -> None:
    store = BehindForAMoment()
    aggregates = Aggregates(store)
    store.old = await put(store, MADE)
    newer = await put(store, renamed("New"))
    await aggregates.load(TASK, "task_1")
    store.looks = 2

    confirmed = await aggregates.confirmed(TASK, "task_1")

    assert confirmed.position == newer.position
    assert store.looks == 0
    assert store.loads == 1
