"""Some come through at once, the others one by one, and nobody waits longer than the longest."""

import asyncio

import pytest

from runtime.pace import Pace


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each who had to wait was told to, in seconds; they do not really."""
    told: list[float] = []

    async def sleep(seconds: float) -> None:
        told.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return told


async def come(pace: Pace, many: int) -> None:
    for _ in range(many):
        await pace.turn()


async def test_the_burst_comes_at_once_and_the_others_one_by_one(waits: list[float]) -> None:
    await come(Pace(a_second=1, burst=5, longest=60), 8)

    # Less by the time that passed since the first came.
    assert [round(seconds + 0.4) for seconds in waits] == [1, 2, 3]


async def test_who_waits_for_long_waits_no_longer_than_the_longest(waits: list[float]) -> None:
    await come(Pace(a_second=1, burst=1, longest=2), 100)

    assert len(waits) == 99
    assert max(waits) <= 2


async def test_they_really_wait() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await come(Pace(a_second=100, burst=1, longest=60), 11)

    assert loop.time() - began >= 0.09


async def test_after_a_rest_a_burst_may_come_again(waits: list[float]) -> None:
    pace = Pace(a_second=1000, burst=5, longest=60)
    await come(pace, 5)
    resting = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, resting.set_result, None)
    await resting
    waits.clear()

    await come(pace, 5)

    assert waits == []
