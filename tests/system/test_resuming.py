"""A client that lost its stream gets exactly what it missed, from this node or another, also after a crash."""

from tests.system.client import Client, problem
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import House
from tests.system.stream import Stream


async def test_a_stream_begins_with_everything_and_goes_on_with_changes(house: House) -> None:
    async with house.owner.stream(house.workspace) as stream:
        await stream.until_ready()
        created = await house.create_task(title="First")
        await stream.until_version(house.workspace, created.position)

    first, *changes = stream.about(house.workspace)
    assert (first.name, first.data["cause"]["kind"]) == ("snapshot", "bootstrap")
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.response.headers["cache-control"] == "no-store"
    (change,) = [one for one in changes if one.data["version"] == created.position]
    cause = change.data["cause"]
    assert (cause["kind"], cause["command_id"]) == ("event", created.command_id)
    assert cause["actor"] == "usr_owner"


async def test_a_native_event_source_comes_back_with_its_last_event_id(house: House) -> None:
    async with house.owner.stream(house.workspace) as lost:
        await lost.until_ready()
    missed = [await house.create_task(title=f"Missed {number}") for number in range(3)]
    await house.owner.view(house.workspace, at_least=missed[-1].position)

    async with house.owner.stream(house.workspace, after=lost) as stream:
        await stream.until_ready()

    told = {event.data["version"]: event for event in stream.about(house.workspace)}
    assert {told[one.position].name for one in missed} == {"change"}
    assert {told[one.position].data["cause"]["kind"] for one in missed} == {"resume"}
    assert not stream.named("snapshot")


async def test_a_cursor_in_the_address_serves_like_the_header(house: House) -> None:
    async with house.owner.stream(house.workspace) as lost:
        await lost.until_ready()
    missed = await house.create_task()
    await house.owner.view(house.workspace, at_least=missed.position)
    assert lost.last_id is not None

    async with house.owner.fetch_stream(
        {house.workspace: lost.held[house.workspace].tag}, after=lost, cursor=lost.last_id
    ) as fetched:
        await fetched.until_ready()
    async with house.owner.stream(house.workspace, after=lost, cursor=lost.last_id) as stream:
        event = await stream.until(lambda event: event.name != "hello")

    assert missed.position in {event.data["version"] for event in fetched.about(house.workspace)}
    assert (event.name, event.data["cause"]["kind"]) == ("change", "resume")


async def test_an_old_cursor_costs_nothing_when_nothing_changed(
    house: House, git_repository: GitRepository
) -> None:
    async with house.owner.stream(house.workspace) as lost:
        await lost.until_ready()
    other = await House.build(house.owner, git_repository.url)
    for _ in range(20):
        await other.create_task()

    async with house.owner.stream(house.workspace, after=lost) as stream:
        await stream.until_ready()

    # Its own repository may still be synchronizing; what it gets then is a change, not a snapshot.
    assert not stream.named("snapshot")


async def test_a_cursor_that_is_no_cursor_is_as_good_as_none(house: House) -> None:
    for cursor in ("", "x", "1.2.3", "999999999999999999999", "\u2603", "1\r\n2"):
        async with house.owner.stream(house.workspace, cursor=cursor) as stream:
            await stream.until_ready()

        (snapshot,) = stream.named("snapshot")
        assert snapshot.data["cause"]["kind"] == "bootstrap"


async def test_a_topic_that_the_lost_stream_did_not_carry_comes_whole(house: House) -> None:
    async with house.owner.stream("app") as lost:
        await lost.until_ready()

    async with house.owner.stream("app", house.workspace, after=lost) as stream:
        await stream.until_ready()

    (snapshot,) = stream.named("snapshot")
    assert snapshot.data["topic"] == house.workspace
    assert snapshot.data["cause"]["kind"] == "bootstrap"


async def test_a_quiet_stream_shows_that_it_lives(house: House) -> None:
    async with house.owner.stream("app") as stream:
        await stream.until_ready()

        beats = [await stream.until_named("heartbeat") for _ in range(2)]

    hello = stream.seen[0].data
    assert hello["heartbeat_ms"] <= 15_000
    assert beats[1].data["at"] >= beats[0].data["at"]
    assert beats[1].id is not None


async def test_a_full_node_sends_native_clients_away_so_that_they_come_back(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_MAX_STREAMS="1")
    client = await enter(node.address, node.token)
    async with client.stream("app") as first:
        await first.until_ready()

        async with client.stream("app") as second:
            events = await second.rest()
        fetched = await client.http.post("/v1/stream", json={"topics": {"app": None}})

        assert second.response.status_code == 200
        assert [(event.name, event.data["retry"]) for event in events] == [("bye", True)]
        assert second.retry_ms
        assert problem(fetched)["status"] in (429, 503)
        made = await client.command("organization.create", name="Meanwhile")
        await first.until_version("app", made.position)


async def test_after_a_kill_a_stream_goes_on_where_it_was(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    async with house.owner.stream(house.workspace) as watched:
        await watched.until_ready()
        async with house.owner.stream(house.workspace) as lost:
            await lost.until_ready()
        for number in range(5):
            last = await house.create_task(title=f"Task {number}")
        await watched.until_version(house.workspace, last.position)

    node.kill()
    node.start()
    again = await enter(node.address, node.token)
    async with again.stream(house.workspace, after=lost) as stream:
        await stream.until_version(house.workspace, last.position)
        await stream.until_ready()
        await again.agrees_with(stream)

    seen_then = _steps(watched, house.workspace, after=lost.held[house.workspace].version)
    assert _steps(stream, house.workspace)[: len(seen_then)] == seen_then
    assert not stream.named("snapshot")


async def test_what_a_command_answered_before_a_kill_is_there_after_it(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node()
    client = await enter(node.address, node.token)
    made = [await client.command("organization.create", name=f"Org {n}") for n in range(10)]

    node.kill()
    node.start()

    again: Client = await enter(node.address, node.token)
    app = await again.data("app", at_least=made[-1].position)
    there = {organization["id"] for organization in app["organizations"]}
    assert there == {one.ids["organization_id"] for one in made}


def _steps(stream: Stream, topic: str, after: int = 0) -> list[tuple[int, int]]:
    """Base and version of each change of a topic."""
    return [
        (event.data["base"], event.data["version"])
        for event in stream.about(topic)
        if event.name == "change" and event.data["version"] > after
    ]
