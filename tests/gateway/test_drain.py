"""The node goes: everybody is told in time, nobody is let in, all streams end cleanly."""

import asyncio

from events.ids import Position
from gateway.drain import departures
from tests.gateway.memory_views import put
from tests.gateway.node import running
from tests.gateway.test_resume import left_behind


async def test_streams_are_told_to_leave_and_then_ended_cleanly() -> None:
    async with running() as node, node.stream("app") as first, node.stream("app") as second:
        await first.until("ready")
        await second.until("ready")
        deadline = asyncio.get_running_loop().time() + 1.0

        draining = asyncio.create_task(node.gateway.drain(deadline))
        drains = [await first.until("drain"), await second.until("drain")]
        node.views.commit("app/usr_ann", put("session", "ses_1"))
        endings = [await first.rest(), await second.rest()]
        await draining
        remaining = deadline - asyncio.get_running_loop().time()

    times = [event.data["retry_ms"] for event in drains]
    assert times[0] != times[1]
    assert all(event.data["deadline_ms"] > event.data["retry_ms"] for event in drains)
    for events in endings:
        assert [event.name for event in events] == ["change", "bye"]
        assert (events[-1].data["code"], events[-1].data["retry"]) == ("drain", True)
    assert remaining > 0


async def test_streams_of_a_node_without_time_are_told_and_ended_cleanly_too() -> None:
    async with running() as node, node.stream("app") as first, node.stream("app") as second:
        await first.until("ready")
        await second.until("ready")

        await node.gateway.drain(asyncio.get_running_loop().time())
        endings = [await first.rest(), await second.rest()]

    for events in endings:
        assert [event.name for event in events] == ["drain", "bye"]
        assert events[0].data["deadline_ms"] > 0


async def test_native_event_sources_are_told_to_come_back_soon_and_not_at_once() -> None:
    async with running() as node:
        async with node.stream("app") as first, node.stream("app") as second:
            await first.until("ready")
            await second.until("ready")

            draining = asyncio.create_task(
                node.gateway.drain(asyncio.get_running_loop().time() + 3600)
            )
            drains = [await first.until("drain"), await second.until("drain")]
        await draining

    assert [drain.data["retry_ms"] > 5000 for drain in drains] == [False, True]
    assert all(1000 <= (drain.retry or 0) <= 5000 for drain in drains)


async def test_a_draining_node_sends_new_streams_elsewhere() -> None:
    async with running() as node, node.stream("app") as reader:
        await reader.until("ready")
        deadline = asyncio.get_running_loop().time() + 2.0

        draining = asyncio.create_task(node.gateway.drain(deadline))
        await reader.until("drain")
        async with node.stream("app") as get, node.post_stream({"app": None}) as post:
            assert [event.data["code"] for event in await get.rest()] == ["draining"]
            assert (post.status, (await post.body())["code"]) == (503, "draining")
        await reader.rest()
        await draining


async def test_streams_of_a_node_that_is_behind_are_told_at_once_and_ended_cleanly_too() -> None:
    async with running(behind_seconds=60, head=far_ahead) as node:
        before = await left_behind(node, "task/task_1")
        cursor = str(before.last_id).replace("6.", "9.", 1)
        held = f"{before.held['task/task_1'].epoch}.9"
        async with (
            node.stream("task/task_1", "nonsense", cursor=cursor) as get,
            node.post_stream({"task/task_1": held, "nonsense": None}) as post,
            node.stream("task/task_new", "nonsense") as new,
        ):
            for reader in (get, post, new):
                await reader.until("forbidden")
            await node.gateway.drain(asyncio.get_running_loop().time() + 1.0)
            endings = [await reader.rest() for reader in (get, post, new)]

    for events in endings:
        assert [event.name for event in events] == ["drain", "bye"]
        assert events[-1].data["code"] == "drain"


async def far_ahead() -> Position:
    return Position(9)


async def test_a_drain_is_over_as_soon_as_everybody_left() -> None:
    async with running() as node:
        async with node.stream("app") as reader:
            await reader.until("ready")
            draining = asyncio.create_task(
                node.gateway.drain(asyncio.get_running_loop().time() + 60)
            )
            await reader.until("drain")

        await asyncio.wait_for(draining, 1)


def test_departures_are_spread_evenly_and_end_before_the_deadline() -> None:
    plan = list(departures(1000, 10.0))

    asked = [departure.ask_after for departure in plan]
    assert asked == sorted(set(asked))
    assert max(departure.end_after for departure in plan) < 8
    assert all(departure.end_after - departure.ask_after > 2 for departure in plan)
