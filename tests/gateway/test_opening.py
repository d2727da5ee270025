"""How a stream begins, and how it is refused."""

import asyncio

from events.ids import Position
from runtime.errors import Unavailable
from runtime.identity import Caller
from tests.gateway.guests import Guests
from tests.gateway.memory_views import put
from tests.gateway.node import TOPICS, Node, running
from tests.gateway.reader import asking


async def one_more() -> Position:
    """A log with one commit more than the rows."""
    return Position(len(TOPICS) + 1)


async def test_a_stream_begins_with_hello_snapshots_and_ready(node: Node) -> None:
    async with node.stream("app", "workspace/org_1") as reader:
        await reader.until("ready")

    assert reader.status == 200
    assert reader.headers["content-type"].startswith("text/event-stream")
    assert reader.headers["cache-control"] == "no-store"
    assert reader.retry == 2000
    assert [event.name for event in reader.seen] == ["hello", "snapshot", "snapshot", "ready"]
    hello = reader.seen[0].data
    assert hello["sid"].startswith("node-a-")
    assert (hello["node"], hello["protocol"], hello["heartbeat_ms"]) == ("node-a", 1, 15000)
    assert reader.seen[1].data["cause"] == {"kind": "bootstrap"}
    assert reader.held["app"].document.data == node.views.data("app/usr_ann")
    assert reader.held["workspace/org_1"].document.data == node.views.data("workspace/org_1")


async def test_ready_names_revision_versions_and_the_first_id(node: Node) -> None:
    async with node.stream("task/task_1") as reader:
        ready = await reader.until("ready")

    assert ready.data == {"revision": 0, "topics": {"task/task_1": "task_detail-1.4"}}
    assert ready.id is not None
    assert [event.id for event in reader.seen[:-1]] == [None, None]


async def test_a_foreign_topic_and_one_that_never_was_are_forbidden_and_the_rest_goes_on(
    node: Node,
) -> None:
    strange = ("workspace/org_2", "task/task_99", "nonsense", "app/usr_ann")

    async with node.stream("task/task_1", *strange) as reader:
        ready = await reader.until("ready")

    refused = {event.data["topic"] for event in reader.seen if event.name == "forbidden"}
    assert refused == set(strange)
    assert list(ready.data["topics"]) == ["task/task_1"]


async def test_a_topic_whose_first_commit_is_on_its_way_is_waited_for() -> None:
    async with running(head=one_more) as node, node.stream("task/task_new") as reader:
        await reader.until("hello")

        node.views.commit("task/task_new", put("session", "ses_9"))
        await reader.until("ready")

        assert reader.held["task/task_new"].document.data == node.views.data("task/task_new")


async def test_a_node_far_behind_does_not_deny_a_topic_it_has_not_read_of_yet() -> None:
    async with (
        running(head=one_more, behind_seconds=0.05) as node,
        node.stream("task/task_1", "task/task_new") as reader,
    ):
        events = await reader.rest()

    assert [event.name for event in events] == ["hello", "snapshot", "bye"]
    assert (events[-1].data["code"], events[-1].data["retry"]) == ("behind", True)


async def test_whether_a_topic_is_yet_to_come_is_not_said_while_the_log_does_not_answer() -> None:
    async def silent() -> Position:
        raise Unavailable("The event store does not answer.")

    async with running(head=silent) as node, node.stream("task/task_new") as reader:
        events = await reader.rest()

    assert [event.name for event in events] == ["hello", "bye"]
    assert (events[-1].data["code"], events[-1].data["retry"]) == ("unavailable", True)


async def test_topics_that_have_ended_hold_nobody_up(node: Node) -> None:
    ended = [f"task/task_ended_{n}" for n in range(100)]
    node.guests.organizations |= dict.fromkeys(ended, "org_1")

    async with asyncio.timeout(2), node.stream(*ended, "task/task_1") as reader:
        ready = await reader.until("ready")

    assert list(ready.data["topics"]) == ["task/task_1"]
    refused = {event.data["topic"] for event in reader.seen if event.name == "forbidden"}
    assert refused == set(ended)


async def test_a_stream_that_names_no_topic_is_a_bad_request(node: Node) -> None:
    async with node.stream() as get, node.post_stream({}) as post:
        assert (get.status, post.status) == (400, 400)
        assert (await get.body())["code"] == "malformed"


async def test_a_topic_without_a_name_is_none(node: Node) -> None:
    async with node.stream("") as nothing, node.stream("", "app") as reader:
        ready = await reader.until("ready")

        assert nothing.status == 400
        assert list(ready.data["topics"]) == ["app"]


async def test_of_each_topic_in_a_body_is_said_what_became_of_it(node: Node) -> None:
    async with (
        node.post_stream({"": None}) as nothing,
        node.post_stream({"": None, "app": None}) as reader,
    ):
        await reader.until("ready")

    assert nothing.status == 400
    assert [one.data["topic"] for one in reader.seen if one.name == "forbidden"] == [""]


async def test_as_many_topics_as_a_stream_carries_can_be_asked_for(node: Node) -> None:
    many = {f"task/task_{n:058}": "task_detail-1-abcdef.1234567890" for n in range(1000)}

    async with node.post_stream(many) as reader:
        ready = await reader.until("ready")

    assert ready.data["topics"] == {}


async def test_more_topics_than_a_stream_carries_are_refused_as_such(node: Node) -> None:
    topics = [f"task/task_{number}" for number in range(1001)]

    async with node.stream(*topics) as get, node.post_stream(dict.fromkeys(topics)) as post:
        answers = [(one.status, (await one.body())["code"]) for one in (get, post)]

    assert answers == [(422, "too_many_topics")] * 2


async def test_nobody_gets_no_stream(node: Node) -> None:
    async with node.stream("app", token=None) as reader:
        assert reader.status == 401
        assert (await reader.body())["code"] == "unauthenticated"


async def test_bodies_that_cannot_be_understood_are_problems(node: Node) -> None:
    bodies = [b"{", b"[]", b'{"topics": {"app": 7}}', b'{"topics": {"app": null}, "x": 1}']

    answers = []
    for body in bodies:
        async with asking(node.port, "POST", "/v1/stream", body=body) as answer:
            answers.append((answer.status, (await answer.body())["code"]))
    async with asking(node.port, "POST", "/v1/stream", body=b" " * 600_000) as answer:
        answers.append((answer.status, (await answer.body())["code"]))

    assert answers == [(400, "malformed")] * 4 + [(413, "too_large")]


async def test_other_methods_and_addresses_are_problems(node: Node) -> None:
    async with (
        asking(node.port, "DELETE", "/v1/stream") as method,
        asking(node.port, "GET", "/v1/streams") as address,
    ):
        assert (method.status, method.headers["allow"]) == (405, "GET, POST")
        assert address.status == 404


async def test_at_capacity_a_get_is_told_to_come_back_and_a_post_gets_503() -> None:
    async with running(max_streams=1) as node, node.stream("app") as first:
        await first.until("ready")

        async with node.stream("app") as get, node.post_stream({"app": None}) as post:
            assert get.status == 200
            (bye,) = await get.rest()
            assert (bye.name, bye.data["code"], bye.data["retry"]) == ("bye", "capacity", True)
            assert get.retry is not None
            assert post.status == 503
            assert (await post.body())["code"] == "unavailable"
            assert "retry-after" in post.headers

        node.views.commit("app/usr_ann", put("session", "ses_1"))
        assert (await first.until("change")).data["topic"] == "app"


async def test_one_person_has_a_share_of_the_streams_and_leaves_the_rest_to_others() -> None:
    async with (
        running(max_streams=3, max_streams_each=1) as node,
        node.stream("app") as first,
    ):
        await first.until("ready")

        async with node.stream("app") as get, node.post_stream({"app": None}) as post:
            assert get.status == 200
            assert [one.data["code"] for one in await get.rest()] == ["capacity"]
            assert post.status == 429
            assert (await post.body())["code"] == "too_many_requests"
            assert int(post.headers["retry-after"]) >= 1
        async with node.stream("app", token="bob") as other:
            await other.until("ready")
    # What has ended is given back, also by those who left without a word.
    async with running(max_streams_each=1) as node:
        for _ in range(3):
            async with node.stream("app") as one:
                await one.until("ready")
            while node.gateway.streams:
                await asyncio.sleep(0)


async def test_a_get_is_told_when_nobody_can_say_who_asks() -> None:
    class Away(Guests):
        async def identify(self, secret: str) -> Caller | None:
            raise Unavailable("There is no connection to NATS.")

    async with running(guests=Away()) as node, node.stream("app") as get:
        (bye,) = await get.rest()

    assert get.status == 200
    assert (bye.name, bye.data["code"], bye.data["retry"]) == ("bye", "unavailable", True)


async def test_an_http_1_0_client_gets_a_plain_body(node: Node) -> None:
    async with node.stream("app", version="1.0") as reader:
        await reader.until("ready")
        node.views.commit("app/usr_ann", put("session", "ses_1"))
        await reader.until("change")

    assert "transfer-encoding" not in reader.headers
    assert reader.headers["connection"] == "close"


async def test_pages_of_allowed_sites_may_read_streams_and_no_others() -> None:
    async with running(allowed_origins=["https://good.example"]) as node:
        async with node.stream("app", token="ann") as plain:
            assert "access-control-allow-origin" not in plain.headers
            assert plain.headers["vary"] == "Origin"
        for origin, allowed in (("https://good.example", True), ("https://bad.example", False)):
            headers = {"Origin": origin, "Authorization": "Bearer ann"}
            path = "/v1/stream?topic=app"
            for version in ("1.0", "1.1"):
                async with asking(
                    node.port, "GET", path, token=None, headers=headers, version=version
                ) as reader:
                    assert ("access-control-allow-origin" in reader.headers) is allowed
            async with asking(node.port, "OPTIONS", path, headers=headers) as preflight:
                assert preflight.status == 204
                assert ("access-control-allow-methods" in preflight.headers) is allowed
