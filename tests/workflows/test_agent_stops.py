"""A turn is cancelled, an agent is closed: whatever it was about."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from events.agent_session import PermissionOption
from events.transcript import Entry
from tests.workflows.conversation import SCRIPTED, Notes, talking, turn
from workflows.agent_errors import AgentDied
from workflows.processes import Processes


async def test_a_turn_without_end_can_be_cancelled(processes: Processes, tmp_path: Path) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=take, ask=Notes().ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            assert await running == "cancelled"
        assert await turn(agent, "echo still there", Notes()) == "end_turn"


async def test_cancelling_answers_the_open_question(processes: Processes, tmp_path: Path) -> None:
    asked = asyncio.Event()
    notes = Notes()

    async def ask(_title: str, _options: Sequence[PermissionOption]) -> str | None:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return "yes"

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("ask", on_entry=notes.on_entry, ask=ask))
        await asked.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            await running

    assert json.loads(notes.text()) == {"outcome": "cancelled"}


async def test_a_question_that_crosses_a_cancel_is_answered_and_not_asked(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()
    said: list[Entry] = []

    async def take(entry: Entry) -> None:
        said.append(entry)
        first_word.set()

    notes = Notes(answer="yes")
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("afterthought", on_entry=take, ask=notes.ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            assert await running == "cancelled"

    assert notes.questions == []
    assert json.loads(said[-1].text or "") == {"outcome": "cancelled"}


async def test_an_agent_that_does_not_obey_ends_when_it_is_closed(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("stubborn", on_entry=take, ask=Notes().ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            await agent.close()
            with pytest.raises(AgentDied):
                await running


async def test_closing_does_not_wait_for_a_taker_that_takes_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()
        await asyncio.get_running_loop().create_future()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("burst 9000", on_entry=take, ask=Notes().ask))
        await first_word.wait()

        async with asyncio.timeout(15):
            await agent.close()
            with pytest.raises(AgentDied):
                await running
