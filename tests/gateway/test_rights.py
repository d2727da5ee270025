"""An open stream is checked again at every heartbeat, and told at once that a topic has ended."""

import pytest

from tests.gateway.memory_views import MemoryViews, put, remove
from tests.gateway.node import TOPICS, running


async def test_a_member_who_was_removed_gets_no_more_of_the_organization() -> None:
    async with (
        running(heartbeat_seconds=0.2) as node,
        node.stream("workspace/org_1", "task/task_1", "app") as reader,
    ):
        await reader.until("ready")

        node.guests.members.remove(("usr_ann", "org_1"))
        refused = [await reader.until("gone"), await reader.until("gone")]
        node.views.commit("task/task_1", put("session", "ses_1"))
        node.views.commit("app/usr_ann", put("session", "ses_1"))
        change = await reader.until("change")

    assert {event.data["topic"] for event in refused} == {"workspace/org_1", "task/task_1"}
    assert change.data["topic"] == "app"


async def test_who_was_removed_while_a_large_view_was_being_sent_is_not_sent_the_next() -> None:
    large = MemoryViews({**TOPICS, "task/task_1": {"id": "task_1", "text": "x" * 7_000_000}})
    async with (
        running(large, heartbeat_seconds=0.2) as node,
        node.stream("task/task_1", "workspace/org_1", receive_buffer=4096) as slow,
        node.stream("workspace/org_1") as quick,
    ):
        await slow.until("hello")
        await quick.until("ready")

        node.guests.members.remove(("usr_ann", "org_1"))
        await quick.until("gone")
        # By the second of these every stream was asked about.
        await quick.until("heartbeat")
        await quick.until("heartbeat")
        node.views.commit("workspace/org_1", put("task", "task_secret"))
        await slow.until("ready", within=60)

    refused = {event.data["topic"] for event in slow.seen if event.name == "forbidden"}
    assert refused == {"task/task_1", "workspace/org_1"}
    assert "workspace/org_1" not in {
        event.data["topic"] for event in slow.seen if event.name == "snapshot"
    }


async def test_a_revoked_token_ends_the_stream_for_good() -> None:
    async with running(heartbeat_seconds=0.2) as node, node.stream("app") as reader:
        await reader.until("ready")

        node.guests.revoked.add("tok_ann")
        bye = (await reader.rest())[-1]

    assert bye.name == "bye"
    assert (bye.data["code"], bye.data["retry"]) == ("unauthenticated", False)


@pytest.mark.parametrize("also", [(), ("app",)], ids=["all of it", "beside another"])
async def test_whoever_follows_a_topic_to_its_end_is_told_at_once(also: tuple[str, ...]) -> None:
    async with (
        running(heartbeat_seconds=60) as node,
        node.stream("workspace/org_1", *also) as one,
        node.stream("workspace/org_1", *also) as other,
    ):
        for reader in (one, other):
            await reader.until("ready")

        node.views.end("workspace/org_1", remove("task", "task_1"))

        for reader in (one, other):
            last = await reader.until("change")
            gone = await reader.until("gone")
            assert last.data["changes"] == [{"op": "remove", "entity": "task", "id": "task_1"}]
            assert gone.data == {"topic": "workspace/org_1"}


async def test_a_topic_that_ends_while_it_is_read_is_gone_at_once_too() -> None:
    async with running(heartbeat_seconds=60) as node:

        async def end_meanwhile() -> None:
            reads.append("one")
            if len(reads) == 2:
                node.views.end("workspace/org_1", remove("task", "task_1"))

        reads: list[str] = []
        node.views.reading = end_meanwhile
        async with node.stream("workspace/org_1") as reader:
            ready = await reader.until("ready")

    assert [event.name for event in reader.seen] == ["hello", "snapshot", "change", "gone", "ready"]
    assert ready.data["topics"] == {}


async def test_a_topic_that_ended_is_gone() -> None:
    async with (
        running(heartbeat_seconds=0.2) as node,
        node.stream("task/task_1", "app") as reader,
    ):
        await reader.until("ready")

        node.views.end("task/task_1")
        gone = await reader.until("gone")

    assert gone.data == {"topic": "task/task_1"}
