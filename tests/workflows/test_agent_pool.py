"""How many agents live at once, and who makes room for whom."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from commands.task import TASK
from commands.task_state import Session, Task
from events.ids import SessionId, Timestamp
from tests import facts
from tests.decisions.given import folded
from tests.workflows.conversation import SCRIPTED
from tests.workflows.remote import SANDBOX
from workflows.acp_agent import AgentFailed
from workflows.agent_pool import AgentPool
from workflows.processes import Child, Processes
from workflows.sandbox import Sandbox

OTHER = SessionId("ses_2")


class Launcher:
    """Starts the scripted agent, whichever is asked for."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder

    async def find(self, agent: str) -> str:
        return agent

    async def start(self, sandbox: Sandbox, agent: str) -> Child:
        return await self._processes.start(
            SCRIPTED, sandbox_id=SANDBOX, cwd=self._folder, home=self._folder
        )


@pytest.fixture
async def pool(processes: Processes, tmp_path: Path) -> AsyncIterator[AgentPool]:
    pool = AgentPool(
        launchers={"local": Launcher(processes, tmp_path)},
        log_folder=tmp_path / "logs",
        now=lambda: Timestamp(1),
        limit=1,
    )
    yield pool
    await pool.close()


def task(provider: str = "local") -> Task:
    state = folded(TASK, [facts.task_created(), facts.session_created(), facts.sandbox_allocated()])
    assert isinstance(state, Task)
    assert state.sandbox is not None
    sandbox = msgspec.structs.replace(state.sandbox, provider=provider, path="/")
    return msgspec.structs.replace(state, sandbox=sandbox)


def session(session_id: SessionId = facts.SESSION) -> Session:
    return msgspec.structs.replace(task().sessions[facts.SESSION], id=session_id)


async def test_who_waits_for_a_place_gets_that_of_an_agent_whose_turn_has_ended(
    pool: AgentPool,
) -> None:
    first = await pool.get(task(), session())
    with pool.in_use(facts.SESSION):
        waiting = asyncio.create_task(pool.get(task(), session(OTHER)))
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
        assert first.alive

    async with asyncio.timeout(20):
        second = await waiting

    assert second.alive
    assert not first.alive


async def test_a_place_that_came_to_nothing_is_free_again(pool: AgentPool) -> None:
    for _ in range(2):
        with pytest.raises(AgentFailed, match="no sandbox provider elsewhere"):
            await pool.get(task("elsewhere"), session())

    assert (await pool.get(task(), session())).alive


async def test_idle_agents_are_ended_and_those_in_use_are_not(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.agent_pool.SWEEP_SECONDS", 0)
    monkeypatch.setattr("workflows.agent_pool.IDLE_SECONDS", 0)
    agent = await pool.get(task(), session())
    sweeping = asyncio.create_task(pool.sweep())

    with pool.in_use(facts.SESSION):
        await asyncio.wait([sweeping], timeout=0.05)
        assert agent.alive
    async with asyncio.timeout(20):
        while pool.has(facts.SESSION):
            await asyncio.sleep(0)

    sweeping.cancel()
    await asyncio.wait([sweeping])
