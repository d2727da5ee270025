"""Two nodes on one log are one system: the same versions, the same truth, any client on any node."""

import asyncio

from tests.system.client import Client, new_key, problem
from tests.system.conftest import OWNER_TOKEN, Enter
from tests.system.node_process import NodeProcess
from tests.system.people import House, Person

PairHouse = tuple[House, Client]


async def test_both_nodes_show_the_same_versions(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    last = await house.create_task()

    one = await house.owner.view(house.workspace, at_least=last.position)
    two = await other_node.view(house.workspace, at_least=last.position)

    assert one == two


async def test_a_cursor_of_one_node_resumes_on_the_other(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    async with house.owner.stream(house.workspace, "app") as lost:
        await lost.until_ready()
    missed = [await house.create_task() for _ in range(3)]

    async with other_node.stream(house.workspace, "app", after=lost) as stream:
        await stream.until_version(house.workspace, missed[-1].position)

    told = [event.data["version"] for event in stream.about(house.workspace)]
    assert told == [one.position for one in missed]
    assert not stream.named("snapshot")


async def test_both_nodes_tell_the_same_changes(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    async with (
        house.owner.stream(house.workspace) as one,
        other_node.stream(house.workspace) as two,
    ):
        await one.until_ready()
        await two.until_ready()
        for client in (house.owner, other_node, house.owner, other_node):
            last = await client.command(
                "task.create", repository_id=house.repository_id, prompt="true"
            )
        await one.until_version(house.workspace, last.position)
        await two.until_version(house.workspace, last.position)

    assert [event.data for event in one.about(house.workspace)] == [
        event.data for event in two.about(house.workspace)
    ]


async def test_a_key_gets_the_same_answer_on_the_other_node(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    fields = {"repository_id": house.repository_id, "prompt": "true"}
    key = new_key()

    first = await house.owner.command("task.create", key=key, **fields)
    second = await other_node.command("task.create", key=key, **fields)

    assert second == first
    tasks = await other_node.data(house.workspace, at_least=first.position)
    assert [task["id"] for task in tasks["tasks"]] == [first.ids["task_id"]]


async def test_one_key_sent_to_both_nodes_at_once_makes_one_thing(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    fields = {"repository_id": house.repository_id, "prompt": "true"}

    for _ in range(10):
        key = new_key()
        answers = await asyncio.gather(
            *(
                client.command("task.create", key=key, **fields)
                for client in (house.owner, other_node) * 3
            )
        )
        assert len({(answer.position, answer.ids["task_id"]) for answer in answers}) == 1


async def test_two_writers_racing_on_one_task_lose_nothing(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    created = await house.create_task()
    ids = {name: created.ids[name] for name in ("task_id", "session_id")}

    async def send(client: Client, text: str) -> int:
        while True:
            answer = await client.submit("agent_session.send", **ids, text=text)
            if answer.status_code == 202:
                return int(answer.json()["position"])
            # Bounded retries ended; nothing was stored.
            assert problem(answer)["code"] == "conflict"

    texts = [f"message {number}" for number in range(60)]
    positions = await asyncio.gather(
        *(send((house.owner, other_node)[n % 2], text) for n, text in enumerate(texts))
    )

    assert len(set(positions)) == len(texts)
    task = await other_node.data(f"task/{ids['task_id']}", at_least=max(positions))
    queue = [message["text"] for message in task["sessions"][0]["queue"]]
    in_order = [text for _, text in sorted(zip(positions, texts, strict=True))]
    assert queue == ["true", *in_order]


async def test_two_writers_of_one_name_leave_one_stream_of_truth(pair_house: PairHouse) -> None:
    house, other_node = pair_house
    task_id = (await house.create_task()).ids["task_id"]

    answers = await asyncio.gather(
        *(
            (house.owner, other_node)[n % 2].submit("task.rename", task_id=task_id, title=f"T{n}")
            for n in range(40)
        )
    )

    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    history = (await house.owner.get(f"/v1/history/{task_id}")).json()["entries"]
    renamed = [entry["position"] for entry in history if entry["events"] == ["task_renamed"]]
    assert renamed == sorted(one["position"] for one in accepted)


async def test_a_removed_member_is_refused_on_the_other_node_at_once(
    pair_house: PairHouse, enter: Enter
) -> None:
    house, other_node = pair_house
    person = await Person.arrive(other_node, enter, "Member")
    await house.join(person)
    created = await person.client.command(
        "task.create", repository_id=house.repository_id, prompt="true"
    )
    async with person.client.stream(house.workspace) as stream:
        await stream.until_ready()

        await house.owner.command(
            "organization.remove_member",
            organization_id=house.organization_id,
            user_id=person.id,
        )
        refused = await person.client.refused(
            "task.rename", task_id=created.ids["task_id"], title="Mine"
        )
        forbidden = await stream.until(lambda event: event.name in ("forbidden", "gone"))

    never = await person.client.refused("task.rename", task_id="task_never", title="Mine")
    assert refused["code"] == never["code"] == "not_found"
    assert refused["detail"].replace(created.ids["task_id"], "") == never["detail"].replace(
        "task_never", ""
    )
    assert forbidden.data["topic"] == house.workspace


async def test_a_user_made_on_one_node_is_known_on_the_other(
    pair: tuple[NodeProcess, NodeProcess], pair_house: PairHouse, enter: Enter
) -> None:
    house, _ = pair_house
    for _ in range(5):
        person = await Person.arrive(house.owner, enter, "New")
        assert person.client.token is not None
        elsewhere = await enter(pair[1].address, person.client.token)

        app = await elsewhere.get("/v1/views/app")

        assert app.status_code == 200
        assert app.json()["data"]["user"]["id"] == person.id


async def test_a_revoked_token_is_refused_on_the_other_node(
    pair: tuple[NodeProcess, NodeProcess], pair_house: PairHouse, enter: Enter
) -> None:
    house, other_node = pair_house
    person = await Person.arrive(other_node, enter, "Leaver")
    await person.client.command("organization.create", name="Mine")

    await house.owner.command("token.revoke", token_id=person.token_id)

    refused = await person.client.refused("organization.create", name="Another")
    assert (refused["status"], refused["code"]) == (401, "unauthenticated")


async def test_foundry_token_prints_the_token_of_the_environment(
    pair: tuple[NodeProcess, NodeProcess],
) -> None:
    assert pair[0].run("token").out.strip() == OWNER_TOKEN
