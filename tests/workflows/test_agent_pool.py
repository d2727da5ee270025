"""How many agents live at once, and who makes room for whom."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from commands.task import TASK
from commands.task_state import Session, Task
from events.ids import Position, SessionId, Timestamp
from tests import facts
from tests.decisions.given import folded
from tests.workflows.conversation import SCRIPTED, Notes
from tests.workflows.remote import SANDBOX
from workflows.acp_agent import FORGOTTEN, AgentProcess
from workflows.agent_errors import AgentFailed
from workflows.agent_names import AgentNames
from workflows.agent_pool import AgentPool
from workflows.job_kind import JobContext, Stage, StageFailure, StageResult
from workflows.processes import Child, Processes
from workflows.sandbox import Sandbox
from workflows.stage_run import run_stage

OTHER = SessionId("ses_2")
JOB = JobContext(
    job_id=facts.JOB,
    organization_id=facts.ORGANIZATION,
    repository_id=facts.REPOSITORY,
    task_id=facts.TASK,
    input={},
    results={},
    correlation_id="",
)


class Launcher:
    """Starts the scripted agent, whichever is asked for."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self.mode = "resume"

    async def find(self, agent: str) -> str:
        return agent

    async def start(self, sandbox: Sandbox, agent: str) -> Child:
        return await self._processes.start(
            [*SCRIPTED, self.mode], sandbox_id=SANDBOX, cwd=self._folder, home=self._folder
        )


@pytest.fixture
def launcher(processes: Processes, tmp_path: Path) -> Launcher:
    return Launcher(processes, tmp_path)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    return tmp_path / "names"


@pytest.fixture
async def pool(launcher: Launcher, names: Path, tmp_path: Path) -> AsyncIterator[AgentPool]:
    pool = AgentPool(
        launchers={"local": launcher},
        log_folder=tmp_path / "logs",
        names=AgentNames(names),
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


async def opening(agent: AgentProcess) -> list[str | None]:
    """How the agent says that it was opened, and what the transcript says before."""
    notes = Notes()
    await agent.prompt("opened", on_entry=notes.on_entry, ask=notes.ask)
    return [entry.text for entry in notes.entries]


async def started_anew(pool: AgentPool, *, turns: int = 1) -> list[str | None]:
    await pool.close()
    spoken = msgspec.structs.replace(session(), turn_position=Position(turns))
    return await opening(await pool.get(task(), spoken))


async def test_an_agent_that_ended_by_itself_is_not_counted_among_those_that_run(
    pool: AgentPool,
) -> None:
    agent = await pool.get(task(), session())
    before = running_agents()

    await agent.close()

    assert (before, running_agents()) == (1, 0)


def running_agents() -> float | None:
    return REGISTRY.get_sample_value("foundry_agents_running")


async def test_an_agent_started_anew_goes_on_with_its_conversation(pool: AgentPool) -> None:
    await pool.get(task(), session())

    assert await started_anew(pool) == ["session/resume"]


async def test_who_waits_for_the_end_of_an_agent_and_who_comes_after_it_get_one_and_the_same(
    pool: AgentPool,
) -> None:
    await pool.get(task(), session())
    ending = asyncio.create_task(pool.end(facts.SESSION))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(pool.get(task(), session()))
    await ending

    async with asyncio.timeout(20):
        agents = await asyncio.gather(waiting, pool.get(task(), session()))

    assert agents[0] is agents[1]


async def test_a_name_that_is_lost_or_damaged_is_told(pool: AgentPool, names: Path) -> None:
    await pool.get(task(), session())

    for damage in (b"", b"\xff"):
        (names / facts.SESSION).write_bytes(damage)
        assert await started_anew(pool) == [FORGOTTEN, "session/new"]

    (names / facts.SESSION).unlink()
    assert await started_anew(pool) == [FORGOTTEN, "session/new"]


async def test_a_model_that_is_missing_is_told_once_for_all_processes_of_a_session(
    pool: AgentPool, launcher: Launcher
) -> None:
    launcher.mode = ""
    told = "The agent does not have the model unheard of; it offers fast."
    asked = msgspec.structs.replace(session(), model="unheard of")
    await pool.get(task(), asked)
    await pool.close()
    assert await opening(await pool.get(task(), asked)) == [told, "session/new"]

    await pool.close()
    asked = msgspec.structs.replace(asked, turn_position=Position(1))
    assert await opening(await pool.get(task(), asked)) == [FORGOTTEN, "session/new"]

    await pool.get(task(), msgspec.structs.replace(asked, model="fast"))
    assert await opening(await pool.get(task(), asked)) == ["now fast", told, "session/new"]


def test_where_a_name_cannot_be_kept_the_one_before_is_not_either(names: Path) -> None:
    kept = AgentNames(names)
    kept.keep(facts.SESSION, "earlier")

    kept.keep(facts.SESSION, "no text: \ud800")

    assert kept.of(facts.SESSION) is None


@pytest.mark.parametrize("mode", ["resume", ""])
async def test_a_session_without_a_turn_has_nothing_to_forget(
    pool: AgentPool, launcher: Launcher, mode: str
) -> None:
    await pool.get(task(), session())
    launcher.mode = mode

    assert await started_anew(pool, turns=0) == ["session/new"]


@pytest.mark.parametrize(
    ("mode", "seconds", "reason"),
    [("fragile", 30, "no such conversation"), ("silent", 0.1, "did not take its conversation up")],
)
async def test_an_agent_that_ends_over_its_conversation_begins_without_it(
    pool: AgentPool,
    launcher: Launcher,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    seconds: float,
    reason: str,
) -> None:
    monkeypatch.setattr("workflows.agent_opening.RESUME_SECONDS", seconds)
    await pool.get(task(), session())
    launcher.mode = mode
    with pytest.raises(AgentFailed, match=reason):
        await started_anew(pool)

    assert await started_anew(pool) == [FORGOTTEN, "session/new"]


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


async def test_an_agent_whose_model_is_being_chosen_is_not_idle(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = asyncio.Event()

    async def slow(*_: object) -> bool:
        await chosen.wait()
        return True

    agent = await pool.get(task(), session())
    monkeypatch.setattr(AgentProcess, "choose_model", slow)
    choosing = asyncio.create_task(
        pool.get(task(), msgspec.structs.replace(session(), model="fast"))
    )
    other = asyncio.create_task(pool.get(task(), session(OTHER)))
    await asyncio.wait([choosing, other], timeout=0.05)
    assert agent.alive

    chosen.set()

    async with asyncio.timeout(20):
        assert await choosing is agent
        assert (await other).alive


async def test_waiting_for_a_place_is_no_part_of_the_time_a_stage_has(pool: AgentPool) -> None:
    async def start(job: JobContext) -> StageResult:
        await pool.get(task(), session(OTHER), waiting=job.waiting)
        return {}

    stage = Stage(name="agent_started", run=start, deadline=5)
    await pool.get(task(), session())
    with pool.in_use(facts.SESSION):
        waiting = asyncio.create_task(
            run_stage("task_provision", replace(stage, deadline=0.05), JOB, 1)
        )
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        waiting = asyncio.create_task(run_stage("task_provision", stage, JOB, 1))
        await asyncio.sleep(0)

    async with asyncio.timeout(20):
        assert await waiting == {}


async def test_after_the_waiting_a_stage_has_what_was_left_of_its_time() -> None:
    async def run(job: JobContext) -> StageResult:
        with job.waiting():
            await asyncio.sleep(0.1)
        await asyncio.Event().wait()
        return {}

    stage = Stage(name="agent_started", run=run, deadline=0.05)

    async with asyncio.timeout(20):
        with pytest.raises(StageFailure, match=r"within 0\.05 seconds"):
            await run_stage("task_provision", stage, JOB, 1)
