"""A machine that slept: nothing was heard meanwhile, and the timers that would have noticed stood still as well."""

import asyncio
import time

import pytest

from foundry_client import Foundry, waking
from tests.clients.chaos import playing
from tests.clients.following import Following, state_of
from tests.clients.recordings import WORKSPACE, a_working_day

HOUR = 3600.0


class Night:
    """Lets the clock that goes on jump, as it does for whoever slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._slept = 0.0
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + self._slept)
        monkeypatch.setattr(waking, "LOOK_SECONDS", 0.02)

    def pass_(self, seconds: float) -> None:
        self._slept += seconds


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Night:
    return Night(monkeypatch)


async def test_after_a_night_the_dead_stream_is_left_at_once(night: Night) -> None:
    # No timer would look at this stream for an hour and a half.
    day = a_working_day()
    async with (
        playing(day, heartbeat=HOUR) as proxy,
        Foundry(proxy.under("cut@1000000")) as foundry,
    ):
        workspace = Following(foundry, WORKSPACE)
        await workspace.until(lambda data: data == day.final[WORKSPACE].data)
        await state_of(foundry, "live")

        night.pass_(8 * HOUR)
        await state_of(foundry, "reconnecting")
        await state_of(foundry, "live")

        assert foundry.counters["connections_created"] == 2


async def test_a_nap_leaves_the_stream_alone(night: Night) -> None:
    async with (
        playing(a_working_day(), heartbeat=HOUR) as proxy,
        Foundry(proxy.under("cut@1000000")) as foundry,
    ):
        foundry.subscribe(WORKSPACE)
        await state_of(foundry, "live")

        night.pass_(HOUR)
        await looked()

        assert foundry.state == "live"
        assert foundry.counters["connections_created"] == 1


async def test_whoever_waits_for_the_next_attempt_need_not_after_a_sleep(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the sleep the second attempt comes after an hour.
    monkeypatch.setattr("foundry_client.connections.jitter", lambda *_: round(HOUR * 1000))
    async with (
        playing(a_working_day(), heartbeat=HOUR) as proxy,
        Foundry(proxy.under("503")) as foundry,
    ):
        foundry.subscribe(WORKSPACE)
        await state_of(foundry, "reconnecting")

        night.pass_(10)

        await state_of(foundry, "live")


async def looked() -> None:
    """Wait until the client has compared the clocks for sure: with a look of our own that began later than its."""
    compared = asyncio.Event()
    own = waking.Waking(compared.set)
    own.watch()
    own._ahead -= HOUR
    await asyncio.wait_for(compared.wait(), 30)
    own.stop()
