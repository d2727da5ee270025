"""A shared limit ends what takes too long as `asyncio.timeout` would, and nothing else."""

import asyncio
import time

import pytest

from runtime.shared_timeout import SharedTimeout


async def test_who_is_inside_for_too_long_is_told_and_those_after_them_too() -> None:
    limit = SharedTimeout(0.02)

    async def for_ever() -> None:
        with limit.begin():
            await asyncio.Event().wait()

    early = asyncio.create_task(for_ever())
    await asyncio.sleep(0.01)
    late = asyncio.create_task(for_ever())

    outcomes = await asyncio.gather(early, late, return_exceptions=True)

    assert [type(one) for one in outcomes] == [TimeoutError, TimeoutError]
    assert early.cancelling() == late.cancelling() == 0


async def test_who_is_through_in_time_is_left_alone() -> None:
    limit = SharedTimeout(0.02)
    waits = asyncio.Event()

    async def quick_and_then_elsewhere() -> str:
        with limit.begin():
            await asyncio.sleep(0)
        await waits.wait()
        return "through"

    task = asyncio.create_task(quick_and_then_elsewhere())
    with pytest.raises(TimeoutError), limit.begin():
        await asyncio.Event().wait()
    waits.set()

    assert await task == "through"


async def test_after_a_pause_it_begins_to_look_again() -> None:
    limit = SharedTimeout(0.02)
    with limit.begin():
        pass
    with pytest.raises(TimeoutError), limit.begin():
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError), limit.begin():
        await asyncio.Event().wait()


async def test_somebody_elses_cancellation_stays_one() -> None:
    limit = SharedTimeout(60)

    async def for_ever() -> None:
        with limit.begin():
            await asyncio.Event().wait()

    task = asyncio.create_task(for_ever())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_same_moment_is_not_forgotten() -> None:
    limit = SharedTimeout(0.02)

    async def for_ever() -> None:
        with limit.begin():
            await asyncio.Event().wait()

    task = asyncio.create_task(for_ever())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.02, task.cancel)
    # Both are due when the loop comes back, and the task runs behind both.
    time.sleep(0.05)  # noqa: ASYNC251

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1


async def test_what_fails_by_itself_fails_by_that() -> None:
    with pytest.raises(ZeroDivisionError), SharedTimeout(60).begin():
        raise ZeroDivisionError
