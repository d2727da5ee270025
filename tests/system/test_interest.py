"""What an open stream carries can be changed, on whichever node it is asked."""

from tests.system.client import Client, problem
from tests.system.people import House

PairHouse = tuple[House, Client]


async def test_a_topic_is_added_to_an_open_stream(pair_house: PairHouse) -> None:
    house, _ = pair_house
    task = await house.create_task()
    topic = f"task/{task.ids['task_id']}"
    async with house.owner.stream("app") as stream:
        await stream.until_ready()

        answer = await house.owner.interest(stream, 1, add={topic: None})
        ready = await stream.until_ready()

    assert answer.status_code == 202
    assert (ready.data["revision"], set(ready.data["topics"])) == (1, {"app", topic})
    assert stream.held[topic].data["title"]


async def test_the_node_that_is_asked_need_not_have_the_stream(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    async with house.owner.stream("app") as stream:
        await stream.until_ready()

        answer = await other_node.interest(stream, 1, add={house.workspace: None})
        ready = await stream.until_ready()

    assert answer.status_code == 202
    assert house.workspace in ready.data["topics"]


async def test_a_held_version_is_brought_up_to_date_by_changes(pair_house: PairHouse) -> None:
    house, _ = pair_house
    async with house.owner.stream(house.workspace) as lost:
        await lost.until_ready()
    missed = await house.create_task()
    async with house.owner.fetch_stream({"app": None}, after=lost) as stream:
        await stream.until_ready()

        held = {house.workspace: lost.held[house.workspace].tag}
        await house.owner.interest(stream, 1, add=held)
        await stream.until_ready()

    told = stream.about(house.workspace)
    assert [(event.name, event.data["version"]) for event in told] == [("change", missed.position)]


async def test_a_held_version_of_another_epoch_is_answered_with_a_reset(
    pair_house: PairHouse,
) -> None:
    house, _ = pair_house
    async with house.owner.stream("app") as stream:
        await stream.until_ready()

        await house.owner.interest(stream, 1, add={house.workspace: "0123456789.3"})
        await stream.until_ready()

    (snapshot,) = stream.about(house.workspace)
    assert (snapshot.name, snapshot.data["cause"]["kind"]) == ("snapshot", "reset")


async def test_no_id_is_sent_while_a_topic_is_being_added(pair_house: PairHouse) -> None:
    house, _ = pair_house
    async with house.owner.stream("app") as stream:
        await stream.until_ready()
        await house.owner.interest(stream, 1, add={house.workspace: None})
        await stream.until_ready()
        id_then = stream.last_id

        created = await house.create_task()
        await stream.until_version(house.workspace, created.position)
        await stream.until(lambda event: event.id not in (None, id_then))

    # Between being asked and being ready the stream owed the workspace, and said no id.
    asked = stream.seen.index(stream.about(house.workspace)[0])
    assert stream.seen[asked].id is None
    async with house.owner.stream("app", house.workspace, after=stream) as again:
        await again.until_ready()
    assert not again.named("snapshot")


async def test_a_removed_topic_is_heard_of_no_more(pair_house: PairHouse) -> None:
    house, _ = pair_house
    async with house.owner.stream("app", house.workspace) as stream:
        await stream.until_ready()
        await house.owner.interest(stream, 1, remove=[house.workspace])
        await stream.until_ready()

        created = await house.create_task()
        await stream.until_version("app", created.position)

    assert created.position not in {
        event.data["version"] for event in stream.about(house.workspace)
    }


async def test_an_older_revision_changes_nothing(pair_house: PairHouse) -> None:
    house, _ = pair_house
    async with house.owner.stream("app") as stream:
        await stream.until_ready()
        await house.owner.interest(stream, 5, add={house.workspace: None})
        await stream.until_ready()

        answer = await house.owner.interest(stream, 4, remove=[house.workspace])
        created = await house.create_task()
        await stream.until_version(house.workspace, created.position)

    assert answer.status_code == 202
    assert stream.held[house.workspace].version >= created.position


async def test_a_live_topic_is_sent_again_from_what_the_client_says(pair_house: PairHouse) -> None:
    house, _ = pair_house
    async with house.owner.stream(house.workspace) as stream:
        await stream.until_ready()

        await house.owner.interest(stream, 1, add={house.workspace: None})
        await stream.until_ready()

    # The task of another test may still be at work in this house, and be told of in between.
    told = [event.name for event in stream.about(house.workspace)]
    assert [name for name in told if name != "change"] == ["snapshot", "snapshot"]


async def test_an_unknown_stream_is_not_found_on_any_node(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    async with house.owner.stream("app") as stream:
        await stream.until_ready()
    gone = stream.sid

    for client in (house.owner, other_node):
        for sid in (gone, "nobody.0", "x"):
            answer = await client.http.post(f"/v1/stream/{sid}/interest", json={"revision": 1})
            assert problem(answer)["code"] == "not_found"


async def test_a_topic_that_cannot_be_had_is_forbidden_and_the_stream_goes_on(
    pair_house: PairHouse,
) -> None:
    house, _ = pair_house
    nothing = ("task/task_nothing", "workspace/org_nothing", "nonsense", "task/../../etc")
    async with house.owner.stream(*nothing, "app") as stream:
        ready = await stream.until_ready()

    assert {event.data["topic"] for event in stream.named("forbidden")} == set(nothing)
    assert set(ready.data["topics"]) == {"app"}


async def test_a_stream_that_names_no_topic_is_malformed(pair_house: PairHouse) -> None:
    house, _ = pair_house

    plain = await house.owner.get("/v1/stream")
    fetched = await house.owner.http.post("/v1/stream", json={"topics": {}})

    assert (problem(plain)["code"], problem(fetched)["code"]) == ("malformed", "malformed")
    assert (plain.status_code, fetched.status_code) == (400, 400)
