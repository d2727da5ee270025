"""What a reader remembers of the log, and whether it would know it again."""

import pytest

from events import log_prefix
from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.log_prefix import (
    LOG_SUBJECT,
    CommitFingerprint,
    LogFingerprint,
    LogPrefix,
    is_prefix_of,
    marks_in,
    note_cut,
)
from events.memory import MemoryStore
from tests import facts

SUBJECT = "evt.task.task_1"


async def store_of(*titles: str, into: MemoryStore | None = None) -> MemoryStore:
    store = into or MemoryStore()
    for head in map(Position, range(len(titles))):
        title = titles[head]
        commit = facts.commit(facts.task_renamed(title=title))
        await store.append(SUBJECT, commit, expected=head, message_id=f"m{head}")
    return store


async def prefix_of(store: MemoryStore) -> LogPrefix:
    """A reader that goes on to the end."""
    prefix = LogPrefix(LogFingerprint())
    for position in range(prefix.position + 1, await store.head() + 1):
        recorded = await store.at(Position(position))
        if recorded is not None:
            prefix.add(recorded)
    return prefix


async def marks_of(store: MemoryStore) -> list[str]:
    noted = await store.load(LOG_SUBJECT)
    return [mark for recorded in noted for mark in marks_in(recorded)]


async def test_a_log_that_grew_is_the_same_log() -> None:
    prefix = await prefix_of(await store_of("a", "b"))

    assert await is_prefix_of(await store_of("a", "b"), prefix.fingerprint)
    assert await is_prefix_of(await store_of("a", "b", "c"), prefix.fingerprint)
    assert await is_prefix_of(await store_of(), LogFingerprint())


async def test_a_log_that_is_shorter_or_says_something_else_is_another() -> None:
    prefix = await prefix_of(await store_of("a", "b"))

    assert not await is_prefix_of(await store_of("a"), prefix.fingerprint)
    assert not await is_prefix_of(await store_of("a", "other"), prefix.fingerprint)
    # Under the same message ids: what was said counts, too.
    assert not await is_prefix_of(await store_of("a", "other", "c", "d"), prefix.fingerprint)


class Doubtful(MemoryStore):
    """A cluster: for so many questions whoever answers is behind by two commits."""

    doubt_seconds = 5.0

    def __init__(self, behind_for: int) -> None:
        super().__init__()
        self.behind_for = behind_for

    async def end(self) -> Position:
        end = await super().end()
        self.behind_for -= 1
        return Position(end - 2) if self.behind_for >= 0 else end


async def test_a_server_that_is_behind_for_a_while_has_lost_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_prefix, "DOUBT_PAUSE", 0.001)
    prefix = await prefix_of(await store_of("a", "b", "c"))

    for questions in (1, 20):
        assert await is_prefix_of(
            await store_of("a", "b", "c", into=Doubtful(questions)), prefix.fingerprint
        )


async def test_what_no_server_has_any_more_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_prefix, "DOUBT_PAUSE", 0.001)
    monkeypatch.setattr(Doubtful, "doubt_seconds", 0.05)
    prefix = await prefix_of(await store_of("a", "b", "c"))

    assert not await is_prefix_of(await store_of("a", into=Doubtful(0)), prefix.fingerprint)


@pytest.mark.parametrize("deleted", [[4], [3, 4]])
async def test_commits_that_were_deleted_are_no_cut(deleted: list[int]) -> None:
    store = await store_of("a", "b", "c", "d")
    prefix = await prefix_of(store)
    for position in deleted:
        store.delete(Position(position))

    assert await is_prefix_of(store, prefix.fingerprint)


async def test_a_log_in_which_nothing_is_left_of_what_was_read_last_is_cut() -> None:
    store = await store_of("a", "b", "c", "d")
    prefix = await prefix_of(store)
    for position in (2, 3, 4):
        store.delete(Position(position))

    assert await store.end() == 4
    assert not await is_prefix_of(store, prefix.fingerprint)


async def test_a_deleted_commit_does_not_hide_a_cut() -> None:
    prefix = await prefix_of(await store_of("a", "b", "c"))
    other = await store_of("a", "other", "c")
    other.delete(Position(3))

    assert not await is_prefix_of(other, prefix.fingerprint)


async def test_what_is_remembered_is_the_same_however_often_it_is_asked_for() -> None:
    store = await store_of("a", "b", "c", "d", "e")
    at_once = (await prefix_of(store)).fingerprint
    step_by_step = LogFingerprint()
    for position in range(1, 6):
        recorded = await store.at(Position(position))
        assert isinstance(recorded, Recorded)
        prefix = LogPrefix(step_by_step)
        prefix.add(recorded)
        assert prefix.fingerprint == prefix.fingerprint
        step_by_step = prefix.fingerprint

    assert at_once == step_by_step
    assert [commit.position for commit in at_once.commits] == [3, 4, 5]


async def test_a_cut_is_noted_once_by_all_who_remember_the_lost_end() -> None:
    lost = await store_of("a", "b", "c")
    seen = [
        (await prefix_of(lost)).fingerprint,
        (await prefix_of(await store_of("a", "b"))).fingerprint,
    ]
    cut = await store_of("a")

    for fingerprint in (*seen, *seen):
        await note_cut(cut, fingerprint)

    assert len(await marks_of(cut)) == 1


async def test_the_next_cut_is_noted_by_those_who_know_of_the_first() -> None:
    cut = await store_of("a")
    await note_cut(cut, (await prefix_of(await store_of("a", "b"))).fingerprint)
    [first] = await marks_of(cut)
    before = await prefix_of(cut)
    assert before.cuts == (first,)

    await note_cut(cut, before.fingerprint)
    assert len(await marks_of(cut)) == 2

    # And when the note of the first is lost with the second.
    again = await store_of("a")
    await note_cut(again, before.fingerprint)
    [second] = await marks_of(again)
    assert second != first


async def test_the_very_beginning_can_be_lost_too() -> None:
    fingerprint = LogFingerprint((CommitFingerprint(Position(5), "gone"),))
    empty = MemoryStore()

    assert not await is_prefix_of(empty, fingerprint)
    await note_cut(empty, fingerprint)

    assert await empty.head() == 1
    assert LogFingerprint().position == BEGINNING
