"""What an open stream carries: every change once, in order, each id covering what came before it."""

import time

from gateway.cursor import parse_cursor
from tests.gateway.memory_views import put, remove
from tests.gateway.node import Node, running


async def test_changes_come_in_commit_order_with_command_and_position(node: Node) -> None:
    async with node.stream("task/task_1", "workspace/org_1") as reader:
        await reader.until("ready")

        first = node.views.commit("task/task_1", put("session", "ses_1"), command_id="c-1")
        second = node.views.commit("workspace/org_1", put("task", "task_1"), command_id="c-2")
        changes = [await reader.until("change"), await reader.until("change")]

    assert [(one.data["topic"], one.data["version"]) for one in changes] == [
        ("task/task_1", first),
        ("workspace/org_1", second),
    ]
    cause = changes[0].data["cause"]
    assert (cause["kind"], cause["command_id"], cause["position"]) == ("event", "c-1", first)
    cursors = [parse_cursor(one.id) for one in changes]
    assert [cursor and cursor.position for cursor in cursors] == [first, second]


async def test_a_change_of_another_topic_is_not_sent(node: Node) -> None:
    async with node.stream("task/task_1") as reader:
        await reader.until("ready")

        node.views.commit("task/task_2", put("session", "ses_1"))
        version = node.views.commit("task/task_1", put("session", "ses_2"))

        assert (await reader.next()).data["version"] == version


async def test_only_the_last_event_of_a_batch_carries_an_id(node: Node) -> None:
    async with node.stream("task/task_1", "task/task_2") as reader:
        await reader.until("ready")

        for number in range(3):
            topic = f"task/task_{number % 2 + 1}"
            last = node.views.write({topic: [put("session", f"ses_{number}")]})
        node.views.tell()
        events = [await reader.next() for _ in range(3)]

    assert [event.id is not None for event in events] == [False, False, True]
    cursor = parse_cursor(events[-1].id)
    assert cursor is not None
    assert cursor.position == last


async def test_one_commit_to_two_topics_is_one_change_in_each(node: Node) -> None:
    async with node.stream("task/task_1", "workspace/org_1") as reader:
        await reader.until("ready")

        version = node.views.write(
            {
                "task/task_1": [put("session", "ses_1"), put("session", "ses_2")],
                "workspace/org_1": [put("task", "task_1"), remove("task", "task_9")],
            }
        )
        node.views.tell()
        changes = [await reader.next(), await reader.next()]

    assert {one.data["topic"]: len(one.data["changes"]) for one in changes} == {
        "task/task_1": 2,
        "workspace/org_1": 2,
    }
    assert {one.data["version"] for one in changes} == {version}


async def test_line_separators_inside_text_do_not_break_an_event(node: Node) -> None:
    text = "one\u2028two\r\nthree\x85four"
    async with node.stream("task/task_1") as reader:
        await reader.until("ready")

        node.views.commit("task/task_1", put("session", "ses_1", name=text))
        change = await reader.until("change")

    assert change.data["changes"][0]["value"]["name"] == text


async def test_rows_that_are_ahead_of_what_was_told_are_not_sent_twice(node: Node) -> None:
    version = node.views.write({"task/task_1": [put("session", "ses_1")]})
    async with node.stream("task/task_1") as reader:
        ready = await reader.until("ready")
        assert reader.held["task/task_1"].version == version

        node.views.tell()
        later = node.views.commit("task/task_1", put("session", "ses_2"))
        change = await reader.until("change")

    cursor = parse_cursor(ready.id)
    assert cursor is not None
    assert cursor.position == version - 1
    assert change.data["version"] == later


async def test_heartbeats_come_in_time_with_a_fresh_id() -> None:
    async with (
        running(heartbeat_seconds=0.3, lag_ms=lambda: 7) as node,
        node.stream("task/task_1") as reader,
    ):
        await reader.until("ready")
        position = node.views.commit("workspace/org_2", put("task", "task_5"))

        beat = await reader.until("heartbeat")
        gaps = []
        for _ in range(5):
            before = time.monotonic()
            again = await reader.until("heartbeat")
            gaps.append(time.monotonic() - before)

    # The smallest of some: a machine that stands still meanwhile makes the others longer.
    assert min(gaps) < 0.3
    cursor = parse_cursor(again.id)
    assert cursor is not None
    assert cursor.position == position
    assert (beat.data["lag_ms"], again.data["position"]) == (7, position)
    assert again.data["at"] >= beat.data["at"]


async def test_a_new_epoch_of_a_projection_sends_each_of_its_topics_once_more(node: Node) -> None:
    async with node.stream("task/task_1", "task/task_2", "app") as reader:
        await reader.until("ready")
        reader.seen.clear()

        node.views.rebuild("task_detail")
        await reader.until("snapshot")
        await reader.until("snapshot")
        version = node.views.commit("task/task_2", put("session", "ses_1"))
        await reader.until_version("task/task_2", version)

    snapshots = [event.data for event in reader.seen if event.name == "snapshot"]
    assert {one["topic"] for one in snapshots} == {"task/task_1", "task/task_2"}
    assert {one["epoch"] for one in snapshots} == {"task_detail-1x"}
    assert {one["cause"]["kind"] for one in snapshots} == {"reset"}


async def test_after_the_log_was_cut_ids_start_from_where_it_ends(node: Node) -> None:
    async with node.stream("task/task_1") as reader:
        await reader.until("ready")
        for number in range(5):
            node.views.commit("task/task_2", put("session", f"ses_{number}"))

        node.views.cut(6)
        await reader.until("snapshot")
        beat = await reader.until("heartbeat")

    cursor = parse_cursor(beat.id)
    assert cursor is not None
    assert cursor.position == 6


async def test_who_keeps_up_is_told_each_change_with_its_cause_however_large_it_is(
    node: Node,
) -> None:
    large = "x" * 300_000
    async with node.stream("task/task_1") as reader, node.stream("task/task_1") as another:
        await reader.until("ready")
        await another.until("ready")

        node.views.commit("task/task_1", put("session", "ses_1", text=large), command_id="large")
        node.views.commit("task/task_1", put("session", "ses_1", text=""), command_id="small")
        for one in (reader, another):
            await one.until_version("task/task_1", node.views.position)

    for one in (reader, another):
        causes = [event.data["cause"] for event in one.seen if event.name == "change"]
        assert [cause["kind"] for cause in causes] == ["event", "event"]
        assert [cause["command_id"] for cause in causes] == ["large", "small"]
