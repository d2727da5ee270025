"""Streams that carry and hold the same are written to together, and each goes on alone as soon as it differs."""

from asyncio import Transport
from typing import Any, cast

from events.ids import Position
from gateway import frames
from gateway.audience import Audience
from gateway.cursor import Stamp
from gateway.holding import Holding, after
from gateway.subscription import Mode, Subscription
from gateway.topics import Topic
from projectors.views import Change
from tests.gateway.memory_views import put
from tests.gateway.node import Node, running

TASK = Topic("task/task_1", "task/task_1", "task")
STAMP = Stamp(Position(9), b"marks")


class Place:
    """A member and its transport; `presses` is after how many writes its reader takes no more."""

    def __init__(self, audience: Audience, presses: int = 99) -> None:
        self.audience = audience
        self.presses = presses
        self.written: list[bytes] = []
        self.owes: list[str] = []
        audience.join(self, cast("Transport", self))

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if len(self.written) == self.presses:
            self.audience.leave(self)

    def leave_behind(self, topic: str) -> None:
        self.owes.append(topic)
        if len(self.written) < self.presses:
            self.audience.leave(self)


def audience(most_bytes: int = 10_000) -> tuple[Audience, Subscription]:
    subscription = Subscription(TASK, Holding("e", Position(1), exact=True))
    subscription.mode = Mode.LIVE
    return Audience({TASK.wire: subscription}, b"cover", most_bytes=most_bytes), subscription


def change(base: int, version: int) -> Change:
    return Change(
        topic=TASK.stored,
        epoch="e",
        base=Position(base),
        version=Position(version),
        changes=b"[]",
        cause=b"{}",
    )


def told(to: Audience, subscription: Subscription, *changes: Change) -> list[bool]:
    return [to.offer(subscription, one, frames.change(one), after(one)) for one in changes]


def test_a_batch_is_put_together_once_and_its_last_event_has_the_id() -> None:
    all_, subscription = audience()
    places = [Place(all_) for _ in range(3)]

    first = told(all_, subscription, change(1, 2), change(2, 3))
    events = all_.flush(STAMP)

    (written,) = places[0].written
    assert first == [True, False]
    assert events == 6
    assert all(place.written[0] is written for place in places)
    assert written.count(b"event: change") == 2
    assert written.count(b"id: 9.marks.cover\n") == 1
    assert written.rindex(b"event: change") < written.index(b"id: ")


def test_a_gap_sends_all_away_owing_and_with_what_was_taken_before() -> None:
    all_, subscription = audience()
    places = [Place(all_), Place(all_)]

    told(all_, subscription, change(1, 2), change(3, 4))
    all_.flush(STAMP)

    assert [place.owes for place in places] == [[TASK.wire], [TASK.wire]]
    assert all(len(place.written) == 1 and b"id: " not in place.written[0] for place in places)
    assert subscription.holding == Holding("e", Position(2), exact=True)
    assert all_.streams == 0


def test_more_than_a_batch_may_bring_is_owed() -> None:
    size = frames.change(change(1, 2)).size
    all_, subscription = audience(most_bytes=size + size // 2)
    place = Place(all_)

    told(all_, subscription, change(1, 2), change(2, 3))

    assert place.owes == [TASK.wire]
    assert b'"version":2' in place.written[0]
    assert b'"version":3' not in place.written[0]


def test_who_is_pressed_just_before_all_go_owes_too() -> None:
    all_, subscription = audience()
    pressed, other = Place(all_, presses=1), Place(all_)

    told(all_, subscription, change(1, 2), change(3, 4))

    assert (pressed.owes, other.owes) == ([TASK.wire], [TASK.wire])


def test_what_is_known_already_is_not_written_again() -> None:
    all_, subscription = audience()
    place = Place(all_)

    assert told(all_, subscription, change(0, 1)) == [False]
    assert all_.flush(STAMP) == 0
    assert place.written == []


async def test_equal_streams_read_the_same_events_with_the_same_ids(node: Node) -> None:
    async with (
        node.stream("task/task_1", "app") as one,
        node.stream("app", "task/task_1") as other,
    ):
        for reader in (one, other):
            await reader.until("ready")
        node.views.commit("task/task_1", put("session", "ses_1"))
        node.views.commit("app/usr_ann", put("session", "ses_1"))

        ours: list[Any] = [await one.until("change") for _ in range(2)]
        theirs: list[Any] = [await other.until("change") for _ in range(2)]

    assert ours == theirs
    assert all(event.id is not None for event in ours)


async def test_one_of_two_loses_its_rights_and_the_other_notices_nothing() -> None:
    async with running(heartbeat_seconds=0.2) as node:
        node.guests.members.add(("usr_bob", "org_1"))
        async with (
            node.stream("workspace/org_1") as ann,
            node.stream("workspace/org_1", token="bob") as bob,
        ):
            for reader in (ann, bob):
                await reader.until("ready")
            node.views.commit("workspace/org_1", put("task", "task_1"))
            await bob.until("change")

            node.guests.members.remove(("usr_bob", "org_1"))
            refused = await bob.until("gone")
            version = node.views.commit("workspace/org_1", put("task", "task_2"))
            await ann.until_version("workspace/org_1", version)
            beat = await bob.until("heartbeat")

    assert refused.data == {"topic": "workspace/org_1"}
    assert [event.name for event in ann.seen if event.name not in ("hello", "heartbeat")] == [
        "snapshot",
        "ready",
        "change",
        "change",
    ]
    assert [event.name for event in bob.seen].count("change") == 1
    assert beat.id is not None


async def test_what_one_adds_is_not_sent_to_the_other(node: Node) -> None:
    async with node.stream("task/task_1") as one, node.stream("task/task_1") as other:
        sid = (await one.until("hello")).data["sid"]
        for reader in (one, other):
            await reader.until("ready")

        await node.interest(sid, {"revision": 1, "add": {"task/task_2": None}})
        await one.until("ready")
        node.views.commit("task/task_2", put("session", "ses_2"))
        version = node.views.commit("task/task_1", put("session", "ses_1"))
        await one.until_version("task/task_1", version)
        await other.until_version("task/task_1", version)

    assert "task/task_2" in one.held
    assert "task/task_2" not in other.held
    assert one.last_id != other.last_id
