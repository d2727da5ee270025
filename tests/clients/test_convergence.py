"""Whatever happens to its streams, a client ends with the same views, and tells each version once."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundry_client import Foundry, View, Why
from foundry_client.chaos.faults import FARTHEST, KINDS, Answer, AtByte, Fault
from foundry_client.chaos.playing import Stage
from foundry_client.chaos.recording import Recording
from tests.clients.chaos import QUICK_HEARTBEAT, playing
from tests.clients.recordings import a_working_day
from tests.clients.simulation import Simulation

DAY = a_working_day()
EVERY = 61
SIDE_BY_SIDE = 40
WITHIN = 60.0

faults: st.SearchStrategy[Fault] = st.one_of(
    st.builds(AtByte, st.sampled_from(KINDS), st.integers(0, FARTHEST)),
    st.builds(Answer, st.sampled_from([429, 500, 502, 503])),
)


async def length_of_a_stream(recording: Recording) -> int:
    """Bytes until everything was told."""
    stage = Stage(recording, pace=0, heartbeat=QUICK_HEARTBEAT)
    sent = 0
    async for piece in stage.stream(dict.fromkeys(recording.topics)):
        if piece.startswith(b"event: heartbeat"):
            break
        sent += len(piece)
    return sent


def assert_converged(simulation: Simulation) -> None:
    wanted = DAY.final
    for name, topic in simulation.state.topics.items():
        assert topic.view is not None
        assert topic.view.data == wanted[name].data
    assert_each_told_once([(one.view, one.why) for one in simulation.told])


def assert_each_told_once(told: Sequence[tuple[View | None, Why]]) -> None:
    """No change twice, and nothing older after something newer."""
    newest: dict[tuple[str, str], int] = {}
    for view, why in told:
        assert view is not None
        before = newest.get((view.topic, view.epoch), -1)
        # A snapshot may say again what is held; a change never does.
        is_whole = why.cause in ("bootstrap", "gap", "reset")
        assert view.version > before or (is_whole and view.version == before), why
        newest[view.topic, view.epoch] = view.version


@pytest.mark.parametrize("kind", ["cut", "stall", "duplicate", "delay"])
async def test_every_byte_may_be_the_one_at_which_it_happens(kind: str) -> None:
    await converge_at(kind, every=1)


@pytest.mark.parametrize("kind", ["tear", "bye", "drain"])
async def test_what_strikes_between_frames_or_characters_changes_nothing(kind: str) -> None:
    await converge_at(kind, every=11)


async def converge_at(kind: str, *, every: int) -> None:
    fault = next(one for one in KINDS if one == kind)
    length = await length_of_a_stream(DAY)
    assert length > 3000

    for offset in range(0, length + 1, every):
        simulation = Simulation(DAY, [AtByte(fault, offset)], seed=offset)
        await simulation.run()
        assert_converged(simulation)
        assert simulation.streams_opened <= 2


@given(st.lists(faults, max_size=12), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_any_row_of_faults_ends_in_the_same_views(row: list[Fault], seed: int) -> None:
    simulation = Simulation(DAY, row, seed=seed)

    asyncio.run(simulation.run())

    assert_converged(simulation)


@pytest.mark.parametrize("kind", ["cut", "stall", "duplicate", "delay", "reset", "drain"])
async def test_over_real_sockets_the_views_are_the_same(kind: str) -> None:
    length = await length_of_a_stream(DAY)
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def life(url: str) -> None:
        async with room, asyncio.timeout(WITHIN):
            await watch_to_the_end(http, url, DAY)

    limits = httpx.Limits(max_connections=None)
    async with (
        playing(DAY) as proxy,
        httpx.AsyncClient(limits=limits) as http,
        asyncio.TaskGroup() as lives,
    ):
        for offset in range(1, length, EVERY):
            lives.create_task(life(proxy.under(f"{kind}@{offset}")))

    assert proxy.proxy.done.faults[kind] > length // EVERY // 2


async def watch_to_the_end(http: httpx.AsyncClient, url: str, recording: Recording) -> None:
    wanted = recording.final
    told: list[tuple[View | None, Why]] = []
    there = asyncio.Event()

    async with Foundry(url, http=http) as foundry:

        def listener(view: View | None, why: Why) -> None:
            told.append((view, why))
            if all((held := one.view) and held.tag == wanted[one.topic].tag for one in watched):
                there.set()

        watched = [foundry.subscribe(topic, listener) for topic in sorted(wanted)]
        await there.wait()

        for one in watched:
            assert one.view is not None
            assert one.view.data == wanted[one.topic].data
    assert_each_told_once(told)
    assert foundry.counters["connections_created"] == foundry.counters["connections_disposed"]
