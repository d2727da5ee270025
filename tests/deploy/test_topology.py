"""The deployment of compose.yaml does the main job, on any node, and goes on when a nats-server dies."""

import asyncio
import re

import msgspec
import pytest

from runtime.connection import connect
from tests.deploy.conftest import Readers
from tests.deploy.topology import Topology
from tests.system.client import Client, new_key
from tests.system.people import House, turn_is_over

pytestmark = pytest.mark.xdist_group("topology")

COMMANDS = 60
BEFORE = 20


async def test_the_main_job_runs_through_all_roles(house: House, people: Client) -> None:
    created = await house.create_task("echo hello > hello.txt")
    task, files = (f"{view}/{created.ids['task_id']}" for view in ("task", "files"))

    async with people.stream(task, files) as stream:
        done = await stream.until_data(task, turn_is_over, 40)
        captured = await stream.until_data(files, lambda data: bool(data["files"]), 20)

    assert done["status"] == "idle"
    assert [one["status"] for one in done["jobs"]] == ["succeeded"]
    assert [one["id"] for one in captured["files"]] == ["hello.txt"]


async def test_both_read_nodes_have_every_view_at_the_same_version(
    house: House, readers: Readers
) -> None:
    created = await house.finished_task("echo hello > hello.txt")
    ids = created.ids
    head = max([await readers.one.position(), await readers.two.position()])
    topics = [
        "app",
        house.workspace,
        f"repository/{house.repository_id}",
        *(f"{view}/{ids['task_id']}" for view in ("task", "files", "processes")),
        f"job/{ids['job_id']}",
        f"transcript/{ids['session_id']}",
    ]

    for topic in topics:
        one = await readers.one.view(topic, at_least=head)
        two = await readers.two.view(topic, at_least=one["version"])
        while two["version"] > one["version"]:
            one, two = await readers.one.view(topic, at_least=two["version"]), two
        assert one == two


async def test_a_stream_lost_on_one_read_node_goes_on_at_the_other(
    house: House, readers: Readers
) -> None:
    async with readers.one.stream(house.workspace) as lost:
        await lost.until_ready()
    missed = [(await house.create_task()).position for _ in range(3)]

    async with readers.two.stream(house.workspace, after=lost) as stream:
        await stream.until_version(house.workspace, missed[-1])

    assert not stream.named("snapshot")
    assert set(missed) <= {event.data["version"] for event in stream.about(house.workspace)}


async def test_interest_reaches_the_stream_by_way_of_the_other_node(
    house: House, readers: Readers
) -> None:
    async with readers.one.stream("app") as stream:
        await stream.until_ready()

        answer = await readers.two.interest(stream, 1, add={house.workspace: None})
        ready = await stream.until_ready()

    assert answer.status_code == 202
    assert house.workspace in ready.data["topics"]


def test_the_log_may_grow_beyond_what_is_free_when_its_servers_start(system: Topology) -> None:
    for name in system.nats:
        said = (system.folder / name / "server.log").read_text()
        assert re.findall(r"Max Storage: +(\S+ \wB)", said) == ["1.00 PB"]


async def test_a_key_is_recognised_by_both_command_nodes(house: House, people: Client) -> None:
    key = new_key()
    fields = {"repository_id": house.repository_id, "prompt": "true"}

    answers = [await people.command("task.create", key=key, **fields) for _ in range(4)]

    assert len({(one.position, one.ids["task_id"]) for one in answers}) == 1


async def test_nothing_acknowledged_is_lost_with_the_leader_of_the_log(
    system: Topology, house: House, people: Client
) -> None:
    leader = await leader_of_the_log(system)
    async with people.stream(house.workspace) as stream:
        await stream.until_ready()
        accepted = [await rename_however_long_it_takes(house, number) for number in range(BEFORE)]
        killing = asyncio.create_task(asyncio.to_thread(system.kill_nats, leader))
        accepted += [
            await rename_however_long_it_takes(house, number) for number in range(BEFORE, COMMANDS)
        ]
        await killing
        await stream.until_version(house.workspace, accepted[-1], 30)
        job = await house.finished_task("echo after > after.txt")

    told = [event.data["version"] for event in stream.about(house.workspace)]
    history = (await people.get(f"/v1/history/{house.organization_id}", limit=1000)).json()
    stored = [
        entry["position"]
        for entry in history["entries"]
        if entry["events"] == ["organization_updated"]
    ]
    assert len(set(accepted)) == COMMANDS
    assert stored == accepted
    assert set(accepted) <= set(told)
    assert (await people.data(f"task/{job.ids['task_id']}"))["status"] == "idle"


async def rename_however_long_it_takes(house: House, number: int) -> int:
    """What a caller does who gets a 503: the same command with the same key, until it is answered."""
    key = new_key()
    async with asyncio.timeout(30):
        while True:
            answer = await house.owner.submit(
                "organization.update",
                key=key,
                organization_id=house.organization_id,
                name=f"Name {number}",
            )
            if answer.status_code == 202:
                return int(answer.json()["position"])
            assert answer.status_code == 503, answer.text


async def leader_of_the_log(system: Topology) -> str:
    """Which server orders the commits now."""
    async with connect(system.nats_url) as connection:
        answer = await connection.request("$JS.API.STREAM.INFO.EVENTS", b"", within=5)
    info = msgspec.json.decode(answer.data)
    assert len(info["cluster"]["replicas"]) == 2
    leader = info["cluster"]["leader"]
    assert isinstance(leader, str)
    return leader
