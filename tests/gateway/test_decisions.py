"""The pure parts: what a client needs, cursors, conflation, names."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ids import Position
from gateway import frames
from gateway.budget import Budget
from gateway.conflation import conflate
from gateway.cursor import Stamp, cover_of, epoch_marks, epochs_of, parse_cursor
from gateway.holding import Holding, Need, Nothing, Replay, Whole, need, parse_held
from gateway.topics import parse_topic
from projectors.views import Change
from tests.gateway.memory_views import Document, MemoryViews, put, remove
from tests.gateway.node import TOPICS


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        (Holding("old", Position(7), exact=True), Whole("reset")),
        (Holding("new", Position(7), exact=True), Nothing(Position(7))),
        (Holding("new", Position(9), exact=False), Nothing(Position(7))),
        (Holding("new", Position(9), exact=True), Whole("gap")),
        (Holding("new", Position(5), exact=True), Replay(Position(5))),
        (Holding("new", Position(5), exact=False), Replay(Position(5))),
    ],
)
def test_what_a_client_needs_follows_from_what_it_holds(holding: Holding, expected: Need) -> None:
    assert need(holding, epoch="new", version=Position(7)) == expected


def test_what_a_client_says_it_holds_is_read_back_or_counts_as_nothing() -> None:
    assert parse_held("a.b-2.17") == Holding("a.b-2", Position(17), exact=True)
    assert [parse_held(text) for text in (None, "", "17", ".17", "a.", "a.x", "a.-1", "a.١")] == [
        None
    ] * 8


def test_a_cursor_tells_position_epochs_and_topics_on_every_node() -> None:
    views = MemoryViews(TOPICS)
    topics = [topic for name in ("app", "task/task_1") if (topic := parse_topic(name, "usr_ann"))]
    line = Stamp(Position(42), epoch_marks(epochs_of(views))).line(cover_of(topics)).decode()
    cursor = parse_cursor(line.removeprefix("id: ").strip())
    other = parse_topic("task/task_2", "usr_ann")

    assert cursor is not None
    assert other is not None
    assert cursor.holding(topics[1], "task_detail-1") == Holding(
        "task_detail-1", Position(42), exact=False
    )
    assert cursor.holding(topics[1], "task_detail-2") == Holding("", Position(42), exact=False)
    assert cursor.holding(other, "task_detail-1") is None


def test_a_cursor_says_nothing_of_somebody_elses_app() -> None:
    views = MemoryViews(TOPICS)
    topics = {name: parse_topic("app", name) for name in ("usr_ann", "usr_bob")}
    of_ann, of_bob = topics["usr_ann"], topics["usr_bob"]
    assert of_ann is not None
    assert of_bob is not None
    line = Stamp(Position(42), epoch_marks(epochs_of(views))).line(cover_of([of_ann])).decode()

    cursor = parse_cursor(line.removeprefix("id: ").strip())

    assert cursor is not None
    assert cursor.holding(of_ann, "app_shell-1") is not None
    assert cursor.holding(of_bob, "app_shell-1") is None


@given(st.text() | st.from_regex(r"[0-9.A-Za-z_-]{0,60}"))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    cursor = parse_cursor(text)

    assert cursor is None or cursor.position >= 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app/usr_ann",
        "task",
        "task/",
        "task/org_1",
        "task/task_1/x",
        "task/task_A",
        "jobs/job_1",
    ],
)
def test_text_that_is_no_topic_is_none(text: str) -> None:
    assert parse_topic(text, "usr_ann") is None


ops = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.integers(0, 3), st.integers(0, 9)),
    min_size=1,
    max_size=4,
)


@given(st.lists(ops, min_size=1, max_size=8))
def test_a_conflated_change_leads_to_the_same_state(
    batches: list[list[tuple[str, int, int]]],
) -> None:
    one_by_one, at_once = Document({"id": "task_1"}), Document({"id": "task_1"})
    missed = []
    for number, batch in enumerate(batches):
        steps = [
            put("session", f"ses_{which}", value=value)
            if op == "put"
            else remove("session", f"ses_{which}")
            for op, which, value in batch
        ]
        one_by_one.apply(steps)
        missed.append(change(Position(number), Position(number + 1), msgspec.json.encode(steps)))

    conflated = conflate(missed)

    at_once.apply(msgspec.json.decode(conflated.changes))
    assert at_once.data.get("sessions", []) == one_by_one.data.get("sessions", [])
    assert (conflated.base, conflated.version) == (0, len(batches))


def change(base: Position, version: Position, changes: bytes) -> Change:
    return Change(
        topic="task/task_1",
        epoch="e",
        base=base,
        version=version,
        changes=changes,
        cause=b'{"kind":"event","command_id":"c"}',
    )


def test_a_replayed_change_differs_in_the_kind_of_its_cause_only() -> None:
    one = change(Position(1), Position(2), b"[]")

    assert frames.replayed(one).text() == frames.change(one).text().replace(
        b'"event",', b'"resume",'
    )


def test_the_pieces_of_an_event_are_the_event() -> None:
    frame = frames.replayed(change(Position(1), Position(2), b"[%b]" % (b"1," * 999 + b"1")))

    assert b"".join(frame.pieces(64)) == frame.text()
    assert max(map(len, frame.pieces(64))) == 64


def test_bytes_that_several_streams_share_count_once() -> None:
    data = b"x" * 100
    one, same, other = (frames.Frame("snapshot", part) for part in (data, data, b"y" * 100))
    budget = Budget(150)

    assert budget.take([one])
    assert budget.take([same])
    assert not budget.take([other])
    budget.give([one])
    assert budget.used == 100
    budget.give([same])
    assert budget.used == 0
    assert budget.take([other])
