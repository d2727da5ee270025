"""The gate in front of a component: counts, refuses what is too much, and closes for good."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from runtime.errors import Unavailable
from runtime.lifecycle import Gate
from runtime.problems import TooManyRequests


async def hold(gate: Gate, inside: asyncio.Event, leave: asyncio.Event) -> None:
    async with gate.work("held"):
        inside.set()
        await leave.wait()


async def test_a_full_gate_refuses_and_admits_again_once_somebody_left() -> None:
    gate, inside, leave = Gate("test", capacity=1), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        holding = tasks.create_task(hold(gate, inside, leave))
        await inside.wait()
        with pytest.raises(TooManyRequests):
            async with gate.work("more"):
                pass
        leave.set()
        await holding
        async with gate.work("again"):
            assert gate.active == 1


async def test_work_that_was_admitted_elsewhere_passes_a_full_gate() -> None:
    gate, inside, leave = Gate("test", capacity=1), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(gate, inside, leave))
        await inside.wait()
        async with gate.work("a line of a batch", counted=False):
            assert gate.active == 2
        leave.set()


async def test_one_task_inside_twice_counts_once() -> None:
    gate = Gate("test", capacity=1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gate.work("outer"))
        await stack.enter_async_context(gate.work("inner"))
        assert gate.active == 1
    assert gate.active == 0


async def test_a_draining_gate_admits_nothing_at_all() -> None:
    gate = Gate("test")
    await gate.drain(asyncio.get_running_loop().time() + 1)
    with pytest.raises(Unavailable) as refused:
        async with gate.work("late", counted=False):
            pass
    assert refused.value.code == "draining"


async def test_a_request_that_is_cut_by_a_drain_is_answered_and_not_dropped() -> None:
    gate, inside = Gate("test"), asyncio.Event()

    async def ask() -> str:
        try:
            async with gate.request("slow"):
                inside.set()
                await asyncio.Event().wait()
        except Unavailable as refusal:
            # Whoever answers may still wait for something.
            await asyncio.sleep(0)
            return refusal.code
        return "done"

    asking = asyncio.create_task(ask())
    await inside.wait()
    await gate.drain(asyncio.get_running_loop().time())

    assert await asking == "draining"


async def test_a_request_that_somebody_else_cancels_is_cancelled() -> None:
    gate, inside = Gate("test"), asyncio.Event()

    async def ask() -> None:
        async with gate.request("slow"):
            inside.set()
            await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    await inside.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_work_that_ends_in_the_moment_of_the_deadline_leaves_nothing_to_cut() -> None:
    gate, inside, leave = Gate("test"), asyncio.Event(), asyncio.Event()
    holding = asyncio.create_task(hold(gate, inside, leave))
    await inside.wait()

    leave.set()
    await gate.drain(asyncio.get_running_loop().time())

    await holding
    assert gate.active == 0
