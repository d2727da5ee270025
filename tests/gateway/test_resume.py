"""Coming back: exactly what was missed, or the whole view with the reason why."""

import pytest

from tests.gateway.memory_views import MemoryViews, put
from tests.gateway.node import TOPICS, Node, running
from tests.gateway.reader import Event, Reader


async def left_behind(node: Node, *topics: str) -> Reader:
    """A client that followed these topics and went away."""
    async with node.stream(*topics) as reader:
        await reader.until("ready")
    return reader


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


async def test_a_cursor_brings_back_exactly_the_missed_changes(node: Node) -> None:
    before = await left_behind(node, "task/task_1", "app")
    versions = [node.views.commit("task/task_1", put("session", f"ses_{n}")) for n in range(3)]

    query = ("task/task_1", "app")
    async with node.stream(*query, cursor=before.last_id, held=before.held) as reader:
        ready = await reader.until("ready")

    changes = [event.data for event in reader.seen if event.name == "change"]
    assert names(reader.seen) == ["hello", "change", "change", "change", "ready"]
    assert [one["version"] for one in changes] == versions
    assert [one["base"] for one in changes] == [4, *versions[:-1]]
    assert {one["cause"]["kind"] for one in changes} == {"resume"}
    assert changes[0]["cause"]["command_id"] == "cmd"
    assert ready.data["topics"].keys() == {"task/task_1", "app"}
    assert reader.held["task/task_1"].document.data == node.views.data("task/task_1")


async def test_the_cursor_may_stand_in_the_address(node: Node) -> None:
    before = await left_behind(node, "app")
    node.views.commit("app/usr_ann", put("session", "ses_1"))

    async with node.stream("app&cursor=" + str(before.last_id), held=before.held) as reader:
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "change", "ready"]


async def test_a_cursor_of_somebody_else_does_not_stand_for_ones_own_app() -> None:
    own = {"user": {"id": "usr_bob"}, "sessions": []}
    async with running(MemoryViews({**TOPICS, "app/usr_bob": own})) as node:
        ann = await left_behind(node, "app")

        async with node.stream("app", cursor=ann.last_id, token="bob") as reader:
            await reader.until("ready")

    snapshots = [event.data for event in reader.seen if event.name == "snapshot"]
    assert [one["data"] for one in snapshots] == [own]
    assert snapshots[0]["cause"]["kind"] == "bootstrap"


async def test_another_node_takes_the_cursor_too(node: Node) -> None:
    before = await left_behind(node, "app")
    node.views.commit("app/usr_ann", put("session", "ses_1"))

    async with (
        running(node.views, node.guests, node="node-b") as other,
        other.stream("app", cursor=before.last_id, held=before.held) as reader,
    ):
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "change", "ready"]
    assert reader.seen[0].data["node"] == "node-b"


async def test_a_topic_that_did_not_change_needs_nothing_however_old_the_cursor(
    node: Node,
) -> None:
    before = await left_behind(node, "task/task_1")
    node.views.commit("task/task_2", put("session", "ses_1"))
    node.views.forget("task/task_1")

    async with node.stream("task/task_1", cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "ready"]


async def test_a_cursor_that_is_too_old_gets_a_snapshot_because_of_the_gap(node: Node) -> None:
    before = await left_behind(node, "task/task_1")
    node.views.commit("task/task_1", put("session", "ses_1"))
    node.views.forget("task/task_1")

    async with node.stream("task/task_1", cursor=before.last_id, held=before.held) as reader:
        snapshot = await reader.until("snapshot")

    assert snapshot.data["cause"] == {"kind": "gap"}


@pytest.mark.parametrize(
    ("changes", "sessions", "told"),
    [
        # Less than two megabytes are told as they were, however little is left of it.
        (40, 1, "change"),
        # More is not, where the whole view is much smaller, and is where it is not.
        (60, 1, "snapshot"),
        (60, 60, "change"),
        (120, 120, "snapshot"),
    ],
)
async def test_much_that_was_missed_comes_as_the_whole_view_if_that_is_much_less(
    node: Node, changes: int, sessions: int, told: str
) -> None:
    before = await left_behind(node, "task/task_1")
    for number in range(changes):
        name = f"{number} {'x' * 40_000}"
        node.views.commit("task/task_1", put("session", f"ses_{number % sessions}", name=name))

    async with node.stream("task/task_1", cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

    brought = [event for event in reader.seen if event.name in ("change", "snapshot")]
    assert {event.name for event in brought} == {told}
    assert {event.data["cause"]["kind"] for event in brought} == {
        "resume" if told == "change" else "gap"
    }
    assert reader.held["task/task_1"].document.data == node.views.data("task/task_1")


async def test_a_cursor_of_another_epoch_gets_a_snapshot_because_of_the_reset(
    node: Node,
) -> None:
    before = await left_behind(node, "task/task_1", "app")
    node.views.rebuild("task_detail")

    query = ("task/task_1", "app")
    async with node.stream(*query, cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "snapshot", "ready"]
    assert reader.seen[1].data["cause"] == {"kind": "reset"}


async def test_an_id_names_the_epochs_of_what_was_told(node: Node) -> None:
    query = ("task/task_1", "workspace/org_1")
    async with node.stream(*query) as reader:
        await reader.until("ready")
        node.views.rebuild("task_detail", telling=False)
        node.views.rebuild("workspace")
        await reader.until("heartbeat")

    async with node.stream(*query, cursor=reader.last_id, held=reader.held) as again:
        await again.until("ready")

    snapshots = [event.data for event in again.seen if event.name == "snapshot"]
    assert [(one["topic"], one["cause"]["kind"]) for one in snapshots] == [("task/task_1", "reset")]


@pytest.mark.parametrize("cursor", ["garbage", "1.2.3", "99999999999999999999", "%F0%9F"])
async def test_a_cursor_that_is_none_starts_from_the_beginning(node: Node, cursor: str) -> None:
    async with node.stream("task/task_1", cursor=cursor) as reader:
        await reader.until("ready")

    assert reader.seen[1].data["cause"] == {"kind": "bootstrap"}


async def test_a_topic_the_cursor_does_not_cover_is_sent_whole(node: Node) -> None:
    before = await left_behind(node, "task/task_1", "workspace/org_2")
    node.guests.members.add(("usr_ann", "org_2"))

    query = ("task/task_1", "workspace/org_2")
    async with node.stream(*query, cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "snapshot", "ready"]
    assert reader.held["workspace/org_2"].document.data == node.views.data("workspace/org_2")


async def test_what_a_fetch_client_holds_counts_and_not_the_cursor(node: Node) -> None:
    before = await left_behind(node, "task/task_1", "task/task_2")
    missed = node.views.commit("task/task_1", put("session", "ses_1"))
    topics = {"task/task_1": before.held["task/task_1"].etag, "task/task_2": None}

    async with node.post_stream(topics, cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

    assert names(reader.seen) == ["hello", "change", "snapshot", "ready"]
    assert reader.seen[1].data["version"] == missed
    assert reader.seen[2].data["cause"] == {"kind": "bootstrap"}


@pytest.mark.parametrize(
    ("held", "cause"),
    [
        ("other-epoch.4", "reset"),
        ("task_detail-1.3", "gap"),
        ("task_detail-1.6", "gap"),
        ("nonsense", "bootstrap"),
        ("", "bootstrap"),
    ],
)
async def test_a_version_that_never_was_gets_a_snapshot(node: Node, held: str, cause: str) -> None:
    async with node.post_stream({"task/task_1": held}) as reader:
        snapshot = await reader.until("snapshot")

    assert snapshot.data["cause"] == {"kind": cause}


async def test_a_node_that_is_behind_waits_for_what_the_client_has_seen(node: Node) -> None:
    before = await left_behind(node, "task/task_1")
    position = node.views.write({"task/task_1": [put("session", "ses_1")]})
    ahead = str(before.last_id).replace("6.", f"{position}.", 1)

    for opening in (
        node.stream("task/task_1", cursor=ahead),
        node.post_stream({"task/task_1": None}, cursor=ahead),
        node.post_stream({"task/task_1": f"task_detail-1.{position}"}),
    ):
        async with opening as reader:
            await reader.until("hello")
            with pytest.raises(TimeoutError):
                await reader.next(0.1)

    async with node.post_stream({"task/task_1": None}, cursor=ahead) as reader:
        await reader.until("hello")
        node.views.tell()
        await reader.until("ready")
        assert reader.held["task/task_1"].version == position


async def test_a_node_that_stays_behind_says_bye() -> None:
    async with running(behind_seconds=0.1) as node:
        before = await left_behind(node, "task/task_1")
        ahead = str(before.last_id).replace("6.", "9.", 1)

        # Nothing has to be read for the second, but the id of its `ready` would be an older one.
        for topic, told in (("task/task_1", []), ("nonsense", ["forbidden"])):
            async with node.stream(topic, cursor=ahead) as reader:
                events = await reader.rest()
            assert names(events) == ["hello", *told, "bye"]
            assert (events[-1].data["code"], events[-1].data["retry"]) == ("behind", True)


async def test_other_code_of_one_projection_shows_no_older_state_either() -> None:
    async with running(behind_seconds=0.1) as node:
        before = await left_behind(node, "task/task_1")
        ahead = str(before.last_id).replace("6.", "9.", 1)
        node.views.rebuild("task_detail")

        for opening in (
            node.stream("task/task_1", cursor=ahead),
            node.post_stream({"task/task_1": before.held["task/task_1"].etag}, cursor=ahead),
        ):
            async with opening as reader:
                events = await reader.rest()
                assert names(events) == ["hello", "bye"]
                assert events[1].data["code"] == "behind"


async def test_a_cut_log_is_a_reset_and_not_a_node_that_is_behind(node: Node) -> None:
    before = await left_behind(node, "task/task_1")
    ahead = str(before.last_id).replace("6.", "9.", 1)
    node.views.cut(6)

    async with node.stream("task/task_1", cursor=ahead) as reader:
        snapshot = await reader.until("snapshot")

    assert snapshot.data["cause"] == {"kind": "reset"}


async def test_a_log_that_is_cut_under_a_stream_that_came_back_is_a_reset_at_once(
    node: Node,
) -> None:
    before = await left_behind(node, "task/task_1")
    async with node.stream("task/task_1", cursor=before.last_id, held=before.held) as reader:
        await reader.until("ready")

        node.views.cut(5)
        snapshot = await reader.until("snapshot")

    assert snapshot.data["cause"] == {"kind": "reset"}
