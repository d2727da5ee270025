"""What is kept of a long history is taken only while it is true, and whoever loads cannot tell the difference."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import state_file
from commands.aggregates import Aggregates
from commands.decider import Kind, Origin
from commands.job import JOB
from commands.loaded import Loaded
from commands.log import LOG
from commands.organization import ORGANIZATION
from commands.repository import REPOSITORY
from commands.state_file import LONG, StateFile
from commands.task import TASK
from commands.user import USER
from events.commit import Commit, Event, Recorded
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from events.store import ALL, Limit
from tests import facts
from tests.events.event_shapes import EVENT_TYPES, full_example

SUBJECT = "evt.task.task_1"
EXAMPLES = [cast("Event", full_example(one)) for one in EVENT_TYPES]


class AskedStore(MemoryStore):
    """Remembers from where histories were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Position] = []

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        self.asked.append(after)
        return await super().load(subject, after=after, limit=limit)

    def lose_the_last(self, many: int) -> None:
        """Lose the last commits, as a server does that was restored from an older copy."""
        for _ in range(many):
            lost = self._log.pop()
            assert lost is not None
            self._subjects[lost.subject].remove(lost)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "states.sqlite3"


@pytest.fixture
def states(path: Path) -> Iterator[StateFile]:
    states = StateFile(path)
    yield states
    states.close()


@pytest.fixture
async def store() -> AskedStore:
    """With a task whose history is long enough."""
    store = AskedStore()
    await put(store, facts.commit(facts.task_created(), command_id="create"))
    for number in range(LONG):
        await put(store, renamed(f"Name {number}", f"rename-{number}"))
    return store


async def put(store: MemoryStore, commit: Commit) -> None:
    last = await store.last(SUBJECT)
    head = await store.head()
    expected = last.position if last else BEGINNING
    message_id = f"m{head} {commit.events[0]}"
    await store.append(SUBJECT, commit, expected=expected, message_id=message_id)


def renamed(title: str, command_id: str) -> Commit:
    return facts.commit(facts.task_renamed(title=title), command_id=command_id)


async def loaded(store: MemoryStore, states: StateFile | None = None) -> Loaded[object]:
    """The state as a process loads it that holds nothing yet."""
    return cast("Loaded[object]", await Aggregates(store, states=states).load(TASK, "task_1"))


async def test_the_second_load_goes_on_where_the_first_ended(
    store: AskedStore, states: StateFile
) -> None:
    await loaded(store, states)
    kept_at = await store.head()
    await put(store, renamed("The last", "last"))
    store.asked.clear()

    again = await loaded(store, states)

    # The commit it ends with comes along, to be recognised.
    assert store.asked == [kept_at - 1]
    assert again == await loaded(store)
    assert len(again.keys) == LONG + 2


async def test_it_outlives_the_process(store: AskedStore, states: StateFile, path: Path) -> None:
    before = await loaded(store, states)
    states.close()
    store.asked.clear()

    with closing(StateFile(path)) as again:
        assert await loaded(store, again) == before
    assert BEGINNING not in store.asked


async def test_of_a_short_history_nothing_is_kept(store: AskedStore, states: StateFile) -> None:
    store.lose_the_last(2)
    await loaded(store, states)
    store.asked.clear()

    await loaded(store, states)

    assert store.asked == [BEGINNING]


@pytest.mark.parametrize("others", [0, 1, 5])
async def test_a_log_that_was_cut_is_folded_anew(
    store: AskedStore, states: StateFile, others: int
) -> None:
    await loaded(store, states)
    store.lose_the_last(3)
    for number in range(others):
        await put(store, renamed(f"Other {number}", f"other-{number}"))

    again = await loaded(store, states)

    assert again == await loaded(store)
    assert states.find(TASK, SUBJECT) is None or others > 2


async def test_other_code_keeps_nothing_of_it(
    store: AskedStore, states: StateFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await loaded(store, states)
    states.close()
    monkeypatch.setattr(state_file, "_code", lambda: b"other code")

    with closing(StateFile(path)) as of_other_code:
        assert of_other_code.find(TASK, SUBJECT) is None


async def test_bytes_that_are_not_those_that_were_written_are_not_taken(
    store: AskedStore, states: StateFile, path: Path
) -> None:
    await loaded(store, states)
    states.close()
    content = path.read_bytes()
    log = path.with_name(path.name + "-wal")
    assert not log.exists()
    path.write_bytes(content.replace(b"rename-7", b"rename-X").replace(b"Name 499", b"Name 000"))

    with closing(StateFile(path)) as changed:
        assert await loaded(store, changed) == await loaded(store)


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be read" * 100])
async def test_a_broken_file_is_begun_anew(store: AskedStore, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with closing(StateFile(path)) as states:
        first = await loaded(store, states)

        assert first == await loaded(store)
        assert states.find(TASK, SUBJECT) is not None


async def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    store: AskedStore, tmp_path: Path
) -> None:
    states = StateFile(tmp_path / "nowhere" / "states.sqlite3")

    assert await loaded(store, states) == await loaded(store)


@pytest.mark.parametrize("kind", [USER, ORGANIZATION, REPOSITORY, TASK, JOB, LOG])
@given(events=st.lists(st.sampled_from(EXAMPLES), max_size=60))
def test_every_state_comes_back_as_it_was(kind: Kind[object], events: list[Event]) -> None:
    state = kind.initial
    for position, event in enumerate((*EXAMPLES, *events), 1):
        origin = Origin(position=Position(position), actor="usr_golden", command_id="c")
        state = kind.evolve(state, event, origin)

    assert isinstance(state, kind.shape)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=kind.shape) == state
