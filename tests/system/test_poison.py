"""Bytes in the log that nobody can read: one task stands still, says so, and goes on when the owner has decided."""

import asyncio
from typing import Any

import nats as nats_client

from tests.nats_process import NatsServer
from tests.system.client import Client, problem
from tests.system.conftest import OWNER_TOKEN, Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISIONED_WITHIN, House, Person, turn_is_over

UNREADABLE = b'{"at":7,"actor":"usr_x","events":[{"type":"from_the_future"}]}'


async def test_a_task_that_cannot_be_read_is_parked_named_and_mended_on_every_node(
    nats: NatsServer, start_node: StartNode, enter: Enter
) -> None:
    settings = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    nodes = [
        await asyncio.to_thread(start_node, name, "commands", "read", **settings)
        for name in ("one", "two")
    ]
    one, two = [await enter(node.address, OWNER_TOKEN) for node in nodes]
    house = await House.build(one, "https://git.example/{organization}")
    made, other = await house.create_task(), await house.create_task()
    task_id = made.ids["task_id"]
    task = f"task/{task_id}"

    bad = await publish(nats, f"evt.task.{task_id}", UNREADABLE)
    # Also bytes on subjects that name no aggregate, or one that never was.
    await publish(nats, "evt.nonsense", b"\xff\xfe")
    await publish(nats, "evt.nobody.knows.this", b"[[[[")
    await publish(nats, "evt.job.job_none", b'{"at":' + b"1" * 5000 + b"}")
    behind = await one.command("task.rename", task_id=other.ids["task_id"], title="Goes on")

    # Parked, marked, told; the others go on.
    for client in (one, two):
        view = await client.view(task, at_least=behind.position)
        assert [issue["code"] for issue in view["data"]["issues"]] == ["unreadable"]
        workspace = await client.data(house.workspace)
        counts = {one["id"]: one["issue_count"] for one in workspace["tasks"]}
        assert counts == {task_id: 1, other.ids["task_id"]: 0}
        assert (await client.data(f"task/{other.ids['task_id']}"))["title"] == "Goes on"
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert any(
            notice.startswith("parked: 2 in task_detail") for notice in ready.json()["notices"]
        )
        metrics = (await client.get("/metrics")).text
        assert 'foundry_projection_parked{projection="workspace"} 2.0' in metrics
        refused = problem(await client.submit("task.rename", task_id=task_id, title="No"))
        assert (refused["status"], refused["code"]) == (503, "unreadable")
        await questions_say_what_is_wrong(client, task_id, bad)
    doctor = await asyncio.to_thread(nodes[0].run, "doctor")
    assert doctor.status == 1
    assert f"{task_id} at position {bad} cannot be decoded" in doctor.out

    # Only the owner decides; then both nodes go on, at one position and with the same rows.
    stranger = await Person.arrive(one, enter, "Stranger")
    assert (await stranger.client.refused("poison.skip", aggregate_id=task_id))["status"] == 403
    async with two.stream(task, house.workspace) as stream:
        await stream.until_ready()
        skipped = await one.command("poison.skip", aggregate_id=task_id)
        await stream.until_version(task, skipped.position)
        assert stream.held[task].version == skipped.position
        renamed = await two.command("task.rename", task_id=task_id, title="Mended")
        await stream.until_version(task, renamed.position)
        await two.agrees_with(stream)
    first, second = [await client.view(task, at_least=renamed.position) for client in (one, two)]
    assert first == second
    assert first["data"]["title"] == "Mended"
    assert all(issue["resolved_at"] for issue in first["data"]["issues"])
    past = await one.view(task, as_of=behind.position)
    assert [issue["resolved_at"] for issue in past["data"]["issues"]] == [None]
    for node in nodes:
        verified = await asyncio.to_thread(node.run, "verify")
        assert verified.status == 0, verified.out


async def test_an_owner_who_cannot_be_read_is_mended_from_the_command_line(
    nats: NatsServer, start_node: StartNode, enter: Enter
) -> None:
    settings = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "one", "commands", "read", **settings)
    owner = await enter(node.address, OWNER_TOKEN)
    friend = await Person.arrive(owner, enter, "Friend")

    bad = await publish(nats, "evt.user.usr_owner", b"\xff")
    await asyncio.to_thread(node.stop)
    await asyncio.to_thread(node.start)

    friend = Person(
        friend.id, friend.token_id, await enter(node.address, friend.client.token or "")
    )
    await friend.client.command("organization.create", name="Goes on")
    owner = await enter(node.address, OWNER_TOKEN)
    assert problem(await owner.get("/v1/views/app"))["code"] == "unreadable"
    nothing = await asyncio.to_thread(node.run, "poison", "skip", "usr_owner", "--position", "1000")
    assert nothing.status == 1

    decided = await asyncio.to_thread(node.run, "poison", "skip", "usr_owner")

    assert decided.status == 0, decided.err
    made = await owner.command("organization.create", name="Mended")
    assert made.position > bad
    assert (await owner.data("app", at_least=made.position))["organizations"][0]["name"] == "Mended"


async def test_a_worker_starts_though_a_transcript_of_its_turns_cannot_be_read(
    nats: NatsServer, start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    settings = {"FOUNDRY_NATS_URL": nats.url_with_password, "FOUNDRY_TOKEN": OWNER_TOKEN}
    node = await asyncio.to_thread(start_node, "one", **settings)
    house = await House.build(await enter(node.address, OWNER_TOKEN), git_repository.url)
    other = await house.finished_task("echo one")
    cut = await house.create_task("sleep 100")
    topic = f"task/{cut.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, at_work, PROVISIONED_WITHIN)

    await asyncio.to_thread(node.kill)
    await publish(nats, f"evt.transcript.{cut.ids['session_id']}", UNREADABLE)
    await asyncio.to_thread(node.start)

    owner = await enter(node.address, OWNER_TOKEN)
    async with owner.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
    ids = {name: other.ids[name] for name in ("task_id", "session_id")}
    sent = await owner.command("agent_session.send", **ids, text="echo two")
    topic = f"task/{ids['task_id']}"
    await owner.data(topic, at_least=sent.position)
    async with owner.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
    said = (await owner.data(f"transcript/{ids['session_id']}"))["entries"]
    assert [one["text"] for one in said if one["sender"] == "agent"] == ["one\n", "two\n"]


def at_work(task: Any) -> bool:
    return bool(task["sessions"][0]["status"] == "running")


async def questions_say_what_is_wrong(client: Client, task_id: str, position: int) -> None:
    history = (await client.get(f"/v1/history/{task_id}")).json()
    assert [one["position"] for one in history["entries"] if one.get("unreadable")] == [position]
    past = await client.data(f"task/{task_id}", as_of=position)
    assert [issue["code"] for issue in past["issues"]] == ["unreadable"]
    issue_id = past["issues"][0]["id"]
    why = await client.get(f"/v1/why/task/{task_id}", field=f"/issues/{issue_id}/code")
    assert (why.json()["position"], why.json()["event"]) == (position, "unreadable")
    title = await client.get(f"/v1/why/task/{task_id}", field="/title")
    assert title.json()["event"] == "task_created"


async def publish(server: NatsServer, subject: str, body: bytes) -> int:
    """Put bytes into the log past everybody who checks them; their position."""
    connection = await nats_client.connect(server.url_with_password)
    try:
        return (await connection.jetstream().publish(subject, body)).seq
    finally:
        await connection.close()
