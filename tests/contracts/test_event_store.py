"""The promises of `EventStore`, kept by every store alike."""

import asyncio

import pytest

from events.ids import BEGINNING, Position
from events.store import (
    MAX_COMMIT_BYTES,
    AlreadyStored,
    EventStore,
    Limit,
    LostTail,
    StalePosition,
    subject_of,
)
from tests.contracts.sample_commits import ANNA, BERT, commit, fill, take


@pytest.fixture(params=["memory", "jetstream", "cluster"])
def store(request: pytest.FixtureRequest) -> EventStore:
    found: EventStore = request.getfixturevalue(f"{request.param}_store")
    return found


async def test_a_load_after_an_append_sees_the_commit(store: EventStore) -> None:
    position = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    (found,) = await store.load(ANNA)
    assert (found.position, found.subject, found.message_id) == (position, ANNA, "m1")
    assert found.commit == commit()


async def test_positions_grow_by_one_over_all_subjects(store: EventStore) -> None:
    first = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    second = await store.append(BERT, commit(), expected=BEGINNING, message_id="m2")
    third = await store.append(ANNA, commit(), expected=first, message_id="m3")

    assert [first, second, third] == [1, 2, 3]


async def test_a_stale_position_is_refused_and_nothing_is_stored(store: EventStore) -> None:
    first = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    for wrong in (BEGINNING, Position(first + 1)):
        with pytest.raises(StalePosition):
            await store.append(ANNA, commit("late"), expected=wrong, message_id="m2")

    assert [one.message_id for one in await store.load(ANNA)] == ["m1"]


async def test_two_racing_writers_leave_one_winner(store: EventStore) -> None:
    results = await asyncio.gather(
        *(
            store.append(ANNA, commit(str(n)), expected=BEGINNING, message_id=f"m{n}")
            for n in range(8)
        ),
        return_exceptions=True,
    )

    (winner,) = [one for one in results if not isinstance(one, BaseException)]
    assert sum(isinstance(one, StalePosition) for one in results) == 7
    assert [one.position for one in await store.load(ANNA)] == [winner]


async def test_the_same_commit_again_answers_its_first_position(store: EventStore) -> None:
    first = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    again = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    assert again == first
    assert len(await store.load(ANNA)) == 1


async def test_the_same_commit_again_is_known_after_others_appended(store: EventStore) -> None:
    positions = await fill(store, 3)

    again = await store.append(ANNA, commit("1"), expected=BEGINNING, message_id="m1")

    assert again == positions[0]
    assert await store.head() == 3


async def test_the_same_commit_again_is_known_when_it_expects_the_newest_position(
    store: EventStore,
) -> None:
    positions = await fill(store, 3)

    with pytest.raises(AlreadyStored) as stored:
        await store.append(ANNA, commit("1"), expected=positions[-1], message_id="m1")

    assert stored.value.position == positions[0]
    assert await store.head() == 3


async def test_one_command_that_two_nodes_decided_is_what_the_first_of_them_stored(
    store: EventStore,
) -> None:
    first = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
    other = await store.append(ANNA, commit("2"), expected=first, message_id="m2")
    theirs = await store.append(ANNA, commit("3"), expected=other, message_id="command")

    with pytest.raises(AlreadyStored) as behind_another:
        await store.append(ANNA, commit("3"), expected=first, message_id="command")
    with pytest.raises(AlreadyStored) as other_words:
        await store.append(ANNA, commit("4"), expected=other, message_id="command")

    assert behind_another.value.position == other_words.value.position == theirs
    assert await store.head() == theirs


async def test_the_same_message_id_on_another_subject_is_another_commit(store: EventStore) -> None:
    await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    second = await store.append(BERT, commit("Bert"), expected=BEGINNING, message_id="m1")

    (found,) = await store.load(BERT)
    assert (found.position, found.message_id) == (second, "m1")


async def test_a_history_loads_in_order_and_after_a_position(store: EventStore) -> None:
    positions = await fill(store, 5)
    await fill(store, 2, subject=BERT)

    assert [one.position for one in await store.load(ANNA)] == positions
    assert [one.position for one in await store.load(ANNA, after=positions[2])] == positions[3:]
    assert await store.load(ANNA, after=positions[-1]) == []


async def test_a_long_history_loads_whole(store: EventStore) -> None:
    positions = await fill(store, 1203)

    assert [one.position for one in await store.load(ANNA)] == positions


async def test_no_more_of_a_history_is_loaded_than_is_wanted(store: EventStore) -> None:
    positions = await fill(store, 1203)
    size = len((await store.load(ANNA, limit=Limit(commits=1)))[0].body)

    for limit, many in (
        (Limit(commits=1), 1),
        (Limit(commits=1001), 1001),
        (Limit(commits=2000), 1203),
        (Limit(bytes=2 * size), 3),
        (Limit(bytes=0), 1),
        (Limit(commits=2, bytes=size), 2),
    ):
        found = await store.load(ANNA, limit=limit)
        assert [one.position for one in found] == positions[:many]
    found = await store.load(ANNA, after=positions[1199], limit=Limit(commits=2))
    assert [one.position for one in found] == positions[1200:1202]


async def test_a_subject_that_never_was_is_empty(store: EventStore) -> None:
    await fill(store, 1)

    assert await store.load(BERT) == []
    assert await store.last(BERT) is None


async def test_subjects_of_similar_names_do_not_mix(store: EventStore) -> None:
    short, long, other = (
        subject_of("task", "task_1"),
        subject_of("task", "task_11"),
        subject_of("job", "task_1"),
    )
    for subject in (short, long, other):
        await store.append(subject, commit(subject), expected=BEGINNING, message_id="m1")

    for subject in (short, long, other):
        assert [one.subject for one in await store.load(subject)] == [subject]


async def test_last_at_and_head_name_the_newest(store: EventStore) -> None:
    assert await store.head() == 0
    positions = await fill(store, 3)

    last, second = await store.last(ANNA), await store.at(positions[1])

    assert last is not None
    assert (last.position, last.message_id) == (positions[-1], "m3")
    assert second is not None
    assert (second.position, second.message_id) == (positions[1], "m2")
    assert await store.at(BEGINNING) is None
    assert await store.at(Position(4)) is None
    assert await store.head() == 3


async def test_a_commit_of_700_kilobytes_fits_and_a_larger_one_is_refused(
    store: EventStore,
) -> None:
    large = commit("x" * 700_000)

    await store.append(ANNA, large, expected=BEGINNING, message_id="m1")
    with pytest.raises(ValueError, match="blob"):
        await store.append(
            BERT, commit("x" * MAX_COMMIT_BYTES), expected=BEGINNING, message_id="m2"
        )

    (found,) = await store.load(ANNA)
    assert found.commit == large
    assert await store.head() == 1


async def test_a_history_of_large_commits_loads_and_reads_whole(store: EventStore) -> None:
    position = BEGINNING
    for number in range(12):
        position = await store.append(
            ANNA, commit("x" * 700_000), expected=position, message_id=f"m{number}"
        )

    assert len(await store.load(ANNA)) == 12
    assert [one.position for one in await take(store, BEGINNING, 12)] == list(range(1, 13))


async def test_a_reader_gets_everything_then_what_comes(store: EventStore) -> None:
    await fill(store, 2500)

    reading = asyncio.create_task(take(store, BEGINNING, 2503))
    await fill(store, 3, subject=BERT)

    async with asyncio.timeout(10):
        taken = await reading
    assert [one.position for one in taken] == list(range(1, 2504))
    assert taken[-1].subject == BERT
    assert taken[-1].message_id == "m3"


async def test_a_reader_begins_after_the_position_it_names(store: EventStore) -> None:
    await fill(store, 5)

    async with asyncio.timeout(10):
        taken = await take(store, Position(3), 2)

    assert [one.message_id for one in taken] == ["m4", "m5"]


async def test_a_reader_at_the_end_waits_for_the_next_commit(store: EventStore) -> None:
    positions = await fill(store, 2)

    reading = asyncio.create_task(take(store, positions[-1], 1))
    position = await store.append(BERT, commit(), expected=BEGINNING, message_id="m1")

    async with asyncio.timeout(10):
        assert [one.position for one in await reading] == [position]


async def test_a_reader_that_is_ahead_of_the_log_learns_that_it_was_cut(store: EventStore) -> None:
    await fill(store, 2)

    with pytest.raises(LostTail):
        await take(store, Position(3), 1)


async def test_a_blob_round_trips_and_is_kept_once(store: EventStore) -> None:
    content = bytes(range(256)) * 2000

    blob = await store.put_blob(content)
    again = await store.put_blob(content)

    assert again == blob
    assert blob.size == len(content)
    assert await store.get_blob(blob.id) == content
    assert await store.get_blob("0" * 64) is None


async def test_an_empty_blob_is_a_blob(store: EventStore) -> None:
    blob = await store.put_blob(b"")

    assert await store.get_blob(blob.id) == b""
