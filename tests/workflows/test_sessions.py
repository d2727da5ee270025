"""The sessions of a task as a whole: agents that cannot be had for a while, and a worker that drains."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.agent_session import MessageDelivered, PermissionRequested, TurnEnded
from events.commit import Event
from events.ids import MessageId
from events.memory import MemoryStore
from tests import facts
from tests.workflows.ready_task import READY
from tests.workflows.sessions_table import Table
from workflows.job_kind import Retry
from workflows.processes import Processes
from workflows.sessions import START


@pytest.fixture
async def table(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Table]:
    monkeypatch.setattr("workflows.sessions.START", Retry(first=0.001))
    table = Table(MemoryStore(), processes, tmp_path)
    running = asyncio.create_task(table.sessions.run())
    yield table
    running.cancel()
    await asyncio.wait([running])
    await table.agents.close()


async def test_an_agent_that_cannot_be_had_at_once_is_tried_again(table: Table) -> None:
    table.launcher.fails = START.attempts - 1
    await table.happen(*READY)

    await table.message("msg_1", "echo hello")

    async with asyncio.timeout(20):
        while not await table.told(TurnEnded):
            await asyncio.sleep(0)
    assert (await table.session()).status == "ready"


async def test_the_next_message_opens_a_session_that_failed_and_all_that_waits_is_delivered(
    table: Table,
) -> None:
    await table.happen(*READY)
    for life in range(2):
        table.launcher.fails = START.attempts
        await table.message(f"msg_{life}_1", "echo one")
        await table.until("error", waiting=1)

        await table.message(f"msg_{life}_2", "echo two")

        await table.until("ready")
        # So that the session has to be opened a second time.
        await table.agents.end(facts.SESSION)

    delivered = await table.told(MessageDelivered)
    assert [one.message_id for one in delivered if isinstance(one, MessageDelivered)] == [
        f"msg_{life}_{number}" for life in range(2) for number in (1, 2)
    ]


@pytest.mark.parametrize(
    "waiting",
    [[*READY, facts.message_queued()], [one for one in READY if one != facts.session_ready()]],
    ids=["to take a message", "to be opened"],
)
async def test_who_waits_for_a_place_does_not_keep_a_task_from_ending(
    table: Table, waiting: list[Event]
) -> None:
    table.agents._places = 0
    await table.happen(*waiting)
    async with asyncio.timeout(20):
        while not table.sessions._busy:
            await asyncio.sleep(0)

    await table.happen(facts.task_kill_requested())
    async with asyncio.timeout(10):
        await table.sessions.end_task(facts.TASK)

    assert not await table.told(MessageDelivered)


@pytest.mark.parametrize(
    "waiting",
    [[*READY, facts.message_queued()], [one for one in READY if one != facts.session_ready()]],
    ids=["to take a message", "to be opened"],
)
async def test_a_closed_session_waits_for_no_agent(table: Table, waiting: list[Event]) -> None:
    table.agents._places = 0
    await table.happen(*waiting)
    async with asyncio.timeout(20):
        while not table.sessions._busy:
            await asyncio.sleep(0)

    await table.happen(facts.session_closed())

    async with asyncio.timeout(10):
        while table.sessions._busy:
            await asyncio.sleep(0)
    assert not await table.told(MessageDelivered)


async def test_while_its_worker_drains_a_question_is_answered_and_nothing_is_begun(
    table: Table,
) -> None:
    await table.happen(*READY)
    await table.message("msg_1", "ask")
    await table.message("msg_2", "echo")
    async with asyncio.timeout(20):
        while not (asked := await table.told(PermissionRequested)):
            await asyncio.sleep(0)
    (question,) = asked
    assert isinstance(question, PermissionRequested)

    draining = await table.drain()
    await table.happen(facts.permission_answered(request=question.request_id, option="yes"))

    async with asyncio.timeout(20):
        await draining
    (ended,) = await table.told(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert (ended.message_id, ended.stop_reason) == ("msg_1", "end_turn")
    assert len(await table.told(MessageDelivered)) == 1


async def test_while_its_worker_drains_a_turn_can_be_stopped(table: Table) -> None:
    await table.happen(*READY)
    await table.message("msg_1", "forever")
    async with asyncio.timeout(20):
        while not await table.told(MessageDelivered):
            await asyncio.sleep(0)

    draining = await table.drain()
    await table.happen(facts.session_stop_requested(message=MessageId("msg_1")))

    async with asyncio.timeout(20):
        await draining
    (ended,) = await table.told(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.stop_reason == "cancelled"
