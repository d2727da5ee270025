"""Changing what an open stream carries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.subscription import Subscription

from gateway.relay import NatsRelay
from runtime.connection import connect
from runtime.errors import Unavailable
from tests.gateway.memory_views import put
from tests.gateway.node import Node, running
from tests.gateway.reader import Reader
from tests.nats_process import NatsServer


async def sid_of(reader: Reader) -> str:
    """The stream's id, once it is live."""
    await reader.until("ready")
    sid: str = reader.seen[0].data["sid"]
    return sid


async def test_topics_come_and_go_on_an_open_stream(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)

        body = {"revision": 3, "add": {"task/task_2": None}, "remove": ["task/task_1"]}
        answer = await node.interest(sid, body)
        ready = await reader.until("ready")
        node.views.commit("task/task_1", put("session", "ses_1"))
        node.views.commit("task/task_2", put("session", "ses_2"))
        change = await reader.until("change")

    assert answer == (202, {"revision": 3})
    assert ready.data == {"revision": 3, "topics": {"task/task_2": "task_detail-1.5"}}
    assert change.data["topic"] == "task/task_2"


async def test_an_older_revision_changes_nothing(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)
        await node.interest(sid, {"revision": 5, "add": {"task/task_2": None}})
        await reader.until("ready")

        status, answer = await node.interest(sid, {"revision": 4, "remove": ["task/task_1"]})
        node.views.commit("task/task_1", put("session", "ses_1"))
        change = await reader.until("change")

    assert (status, answer) == (202, {"revision": 5})
    assert change.data["topic"] == "task/task_1"


async def test_a_live_topic_that_is_added_again_is_sent_from_there(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)
        old = reader.held["task/task_1"].etag
        missed = node.views.commit("task/task_1", put("session", "ses_1"))
        await reader.until("change")
        reader.seen.clear()

        await node.interest(sid, {"revision": 1, "add": {"task/task_1": old}})
        ready = await reader.until("ready")
        await node.interest(sid, {"revision": 2, "add": {"task/task_1": None}})
        again = await reader.until("snapshot")

    replayed = [event.data for event in reader.seen if event.name == "change"]
    assert [(one["base"], one["version"]) for one in replayed] == [(4, missed)]
    assert replayed[0]["cause"]["kind"] == "resume"
    assert ready.data["topics"] == {"task/task_1": f"task_detail-1.{missed}"}
    assert again.data["cause"] == {"kind": "bootstrap"}


async def test_topics_that_cannot_be_had_are_forbidden_and_ready_comes(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)

        add = {"workspace/org_2": None, "nonsense": None}
        await node.interest(sid, {"revision": 1, "add": add})
        ready = await reader.until("ready")

    refused = {event.data["topic"] for event in reader.seen if event.name == "forbidden"}
    assert refused == add.keys()
    assert ready.data["topics"].keys() == {"task/task_1"}


async def test_no_id_is_sent_while_a_topic_is_being_added(node: Node) -> None:
    slow = asyncio.Event()
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)
        node.views.reading = lambda: asyncio.wait_for(_wait(slow), 5)
        await node.interest(sid, {"revision": 1, "add": {"task/task_2": None}})

        node.views.commit("task/task_1", put("session", "ses_1"))
        while_adding = await reader.until("change")
        slow.set()
        ready = await reader.until("ready")

    assert while_adding.id is None
    assert ready.id is not None


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_nobody_else_finds_the_stream(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)

        answers = [
            await node.interest(sid, {"revision": 1}, token="bob"),
            await node.interest("node-a-0.unknown", {"revision": 1}),
            await node.interest("nothing", {"revision": 1}),
        ]

    assert [(status, answer["code"]) for status, answer in answers] == [(404, "not_found")] * 3
    assert answers[0][1]["detail"] == answers[1][1]["detail"]


async def test_too_many_topics_are_refused_and_the_stream_goes_on(node: Node) -> None:
    async with node.post_stream({"task/task_1": None}) as reader:
        sid = await sid_of(reader)

        add = {f"task/task_{number}": None for number in range(1001)}
        status, answer = await node.interest(sid, {"revision": 1, "add": add})
        version = node.views.commit("task/task_1", put("session", "ses_1"))
        await reader.until_version("task/task_1", version)

    assert (status, answer["code"]) == (422, "too_many_topics")


async def test_who_does_not_read_the_answers_cannot_ask_for_ever_more(node: Node) -> None:
    async with node.post_stream({"app": None}, receive_buffer=4096) as reader:
        sid = await sid_of(reader)
        (connection,) = node.gateway.streams
        statuses, revision = [202], 0
        while statuses[-1] == 202:
            assert revision < 30
            revision += 1
            junk = {f"{revision}-{number}-".ljust(500, "x"): None for number in range(900)}
            statuses.append((await node.interest(sid, {"revision": revision, "add": junk}))[0])
            assert connection.wire.pending < 256 * 1024

        ready = {"revision": 0}
        while ready["revision"] < revision - 1:
            ready = (await reader.until("ready")).data
        told = {event.data["topic"] for event in reader.seen if event.name == "forbidden"}
        again = await node.interest(sid, {"revision": revision, "add": {"task/task_1": None}})
        await reader.until("ready")

    assert statuses[-1] == 429
    assert len(told) == 900 * (revision - 1)
    assert again[0] == 202
    assert "task/task_1" in reader.held


@asynccontextmanager
async def relay(server: NatsServer, **options: float) -> AsyncIterator[NatsRelay]:
    async with connect(server.url, user=server.user, password=server.password) as connection:
        yield NatsRelay(connection.client, **options)


async def test_interest_reaches_the_stream_through_another_node(nats_server: NatsServer) -> None:
    async with (
        relay(nats_server) as relay_a,
        relay(nats_server) as relay_b,
        running(relay=relay_a) as node,
        running(node.views, node.guests, relay=relay_b) as other,
        node.post_stream({"task/task_1": None}, receive_buffer=4096) as reader,
    ):
        sid = await sid_of(reader)

        taken = await other.interest(sid, {"revision": 1, "add": {"task/task_2": None}})
        ready = await reader.until("ready")
        foreign = await other.interest(sid, {"revision": 2}, token="bob")
        nowhere = await other.interest("node-c.abc", {"revision": 1})
        junk = {f"{number}-".ljust(500, "x"): None for number in range(900)}
        much, too_much = [
            await other.interest(sid, {"revision": revision, "add": junk}) for revision in (3, 4)
        ]

    assert (much[0], too_much[0], too_much[1]["code"]) == (202, 429, "too_many_requests")
    assert taken == (202, {"revision": 1})
    assert ready.data["topics"].keys() == {"task/task_1", "task/task_2"}
    assert (foreign[0], nowhere[0]) == (404, 404)


async def test_a_node_that_stays_silent_is_unavailable(nats_server: NatsServer) -> None:
    async def never(payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return payload

    async with relay(nats_server, within=0.1) as silent, silent.serving("node-a", never):
        with pytest.raises(Unavailable):
            await silent.forward("node-a", b"{}")


async def test_who_stops_serving_is_not_failed_by_a_server_that_takes_no_notice(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(subscription: Subscription, limit: int = 0) -> None:
        await asyncio.Event().wait()

    async def echo(payload: bytes) -> bytes:
        return payload

    monkeypatch.setattr(Subscription, "unsubscribe", never)
    async with relay(nats_server, within=0.1) as ending, ending.serving("node-a", echo):
        answer = await ending.forward("node-a", b"{}")

    assert answer == b"{}"
