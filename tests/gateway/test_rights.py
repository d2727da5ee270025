"""An open stream is checked again at every heartbeat."""

from tests.gateway.memory_views import put
from tests.gateway.node import running


async def test_a_member_who_was_removed_gets_no_more_of_the_organization() -> None:
    async with (
        running(heartbeat_seconds=0.2) as node,
        node.stream("workspace/org_1", "task/task_1", "app") as reader,
    ):
        await reader.until("ready")

        del node.guests.roles["usr_ann", "org_1"]
        refused = [await reader.until("gone"), await reader.until("gone")]
        node.views.commit("task/task_1", put("session", "ses_1"))
        node.views.commit("app/usr_ann", put("session", "ses_1"))
        change = await reader.until("change")

    assert {event.data["topic"] for event in refused} == {"workspace/org_1", "task/task_1"}
    assert change.data["topic"] == "app"


async def test_a_revoked_token_ends_the_stream_for_good() -> None:
    async with running(heartbeat_seconds=0.2) as node, node.stream("app") as reader:
        await reader.until("ready")

        node.guests.revoked.add("tok_ann")
        bye = (await reader.rest())[-1]

    assert bye.name == "bye"
    assert (bye.data["code"], bye.data["retry"]) == ("unauthenticated", False)


async def test_a_topic_that_ended_is_gone() -> None:
    async with (
        running(heartbeat_seconds=0.2) as node,
        node.stream("task/task_1", "app") as reader,
    ):
        await reader.until("ready")

        node.views.end("task/task_1")
        gone = await reader.until("gone")

    assert gone.data == {"topic": "task/task_1"}
