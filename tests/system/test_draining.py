"""SIGTERM under load: what was answered stays, every stream is sent away with a word, and the process goes."""

import asyncio
import signal
from time import monotonic

import httpx

from chaos.frames import Event
from tests.system.client import Accepted, problem
from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISIONED_WITHIN, House, turn_is_over

DRAIN_SECONDS = 4
STREAMS = 20
WRITERS = 20


async def test_nothing_that_was_answered_is_lost_and_nobody_is_cut_off(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS=str(DRAIN_SECONDS))
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    accepted: list[Accepted] = []
    enough = asyncio.Event()
    all_open = asyncio.Barrier(STREAMS + 1)

    async with asyncio.TaskGroup() as tasks:
        streams = [tasks.create_task(_watch(house, all_open)) for _ in range(STREAMS)]
        await all_open.wait()
        writers = [tasks.create_task(_write(house, accepted, enough)) for _ in range(WRITERS)]
        await enough.wait()
        began = monotonic()
        status = await asyncio.to_thread(node.stop, DRAIN_SECONDS + 5)
        seconds = monotonic() - began
    refusals = [writer.result() for writer in writers]
    told = [stream.result() for stream in streams]

    assert status == 0
    assert seconds < DRAIN_SECONDS + 5
    assert set(refusals) <= {"draining", "gone"}
    assert all(len([one for one in events if one.name == "drain"]) == 1 for events in told)
    assert all(events[-1].name == "bye" for events in told)
    assert all(events[-1].data["retry"] is True for events in told)
    node.start()
    again = await enter(node.address, node.token)
    data = await again.data("app", at_least=max(one.position for one in accepted))
    there = {organization["id"] for organization in data["organizations"]}
    assert {one.ids["organization_id"] for one in accepted} <= there
    # Whose answer got lost with the connection may be there too, but no more than one each.
    assert len(there) <= 1 + len(accepted) + WRITERS


async def test_a_draining_node_says_so_and_admits_nothing(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS=str(DRAIN_SECONDS))
    client = await enter(node.address, node.token)
    async with client.stream("app") as stream:
        await stream.until_ready()
        stopping = asyncio.create_task(asyncio.to_thread(node.stop))
        drain = await stream.until_named("drain")

        ready = await client.get("/readyz")
        refused = await client.submit("organization.create", name="Late")
        view = await client.get("/v1/views/app")
        async with client.stream("app") as late:
            late_events = await late.rest()
        fetched = await client.http.post("/v1/stream", json={"topics": {"app": None}})
        rest = await stream.rest()
        status = await stopping

    assert (drain.data["retry_ms"] >= 0, status) == (True, 0)
    assert ready.status_code == 503
    assert "draining" in str(ready.json()["reasons"])
    assert (
        problem(refused)["code"] == problem(view)["code"] == problem(fetched)["code"] == "draining"
    )
    assert late.response.status_code == 200
    assert [event.name for event in late_events] == ["bye"]
    assert late.retry_ms
    assert rest[-1].name == "bye"


async def test_a_node_whose_terminal_is_closed_goes_in_order(
    start_node: StartNode, enter: Enter
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS="0")
    client = await enter(node.address, node.token)
    async with client.stream("app") as stream:
        await stream.until_ready()
        stopping = asyncio.create_task(asyncio.to_thread(node.stop, by=signal.SIGHUP))
        rest = await stream.rest()
        status = await stopping

    assert [event.name for event in rest] == ["drain", "bye"]
    assert status == 0


async def test_a_turn_that_is_still_running_does_not_hold_the_node_up(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node(FOUNDRY_DRAIN_SECONDS="1")
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    created = await house.create_task("sleep 100")
    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda task: task["sessions"][0]["status"] == "running", PROVISIONED_WITHIN
        )

    status = await asyncio.to_thread(node.stop, 1 + 5)

    assert status == 0
    node.start()
    again = await enter(node.address, node.token)
    async with again.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)
    transcript = await again.data(f"transcript/{created.ids['session_id']}")
    assert transcript["entries"][-1]["kind"] in ("interrupted", "error")


async def _watch(house: House, all_open: asyncio.Barrier) -> list[Event]:
    """One stream from beginning to end, every event checked."""
    async with house.owner.stream(house.workspace, "app") as stream:
        await stream.until_ready()
        await all_open.wait()
        await stream.rest(within=60)
        return stream.seen


async def _write(house: House, accepted: list[Accepted], enough: asyncio.Event) -> str:
    """Create organizations until the node does not take any more; why it did not."""
    while True:
        try:
            answer = await house.owner.submit("organization.create", name="Under load")
        except httpx.TransportError:
            return "gone"
        if answer.status_code != 202:
            return str(problem(answer)["code"])
        accepted.append(Accepted(**{"secret": None, **answer.json()}))
        if len(accepted) >= 10 * WRITERS:
            enough.set()
