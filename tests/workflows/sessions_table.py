"""The sessions of a task on a store in memory, with agents that cannot be had for a while."""

import asyncio
from pathlib import Path

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from commands.task_state import Session, Task
from events.commit import Event
from events.ids import MessageId, Timestamp
from events.memory import MemoryStore
from events.store import subject_of
from runtime.lifecycle import Gate
from tests import facts
from tests.workflows.conversation import SCRIPTED
from tests.workflows.remote import SANDBOX
from workflows.agent_names import AgentNames
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.processes import Child, Processes
from workflows.sandbox import Sandbox
from workflows.sessions import Sessions
from workflows.steady_reports import SteadyReports

TRANSCRIPT = subject_of("transcript", facts.SESSION)


class Moody:
    """Starts the scripted agent, unless it `fails` a few times more."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self.fails = 0

    async def find(self, agent: str) -> str:
        return agent

    async def start(self, sandbox: Sandbox, agent: str) -> Child:
        if self.fails:
            self.fails -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await self._processes.start(
            SCRIPTED, sandbox_id=SANDBOX, cwd=self._folder, home=self._folder
        )


class Table:
    def __init__(self, store: MemoryStore, processes: Processes, folder: Path) -> None:
        self.store = store
        self.gate = Gate("worker")
        self.aggregates = Aggregates(store)
        self.reports = SteadyReports(Reports(store, self.aggregates, lambda: Timestamp(1)))
        self.launcher = Moody(processes, folder)
        self.agents = AgentPool(
            launchers={"local": self.launcher},
            log_folder=folder / "logs",
            names=AgentNames(folder / "names"),
            now=lambda: Timestamp(1),
            limit=1,
        )
        self.files = FileCapture(
            aggregates=self.aggregates, reports=self.reports, store=store, providers={}
        )
        self.sessions = Sessions(
            aggregates=self.aggregates,
            reports=self.reports,
            store=store,
            agents=self.agents,
            files=self.files,
            host=facts.sandbox_allocated().host,
            worker="w",
            now=lambda: Timestamp(1),
            gate=self.gate,
        )

    async def happen(self, *events: Event) -> None:
        head = await self.store.head()
        await self.reports.report(
            TASK, facts.TASK, lambda now: list(events), report_id=f"given/{head}"
        )
        self.sessions.wake(facts.TASK)

    async def message(self, message: str, text: str) -> None:
        await self.happen(facts.message_queued(message=MessageId(message), text=text))

    async def task(self) -> Task:
        task = (await self.aggregates.load(TASK, facts.TASK)).state
        assert isinstance(task, Task)
        return task

    async def session(self) -> Session:
        return (await self.task()).sessions[facts.SESSION]

    async def until(self, status: str, *, waiting: int = 0) -> None:
        async with asyncio.timeout(20):
            while (session := await self.session()).status != status or (
                len(session.queue) != waiting
            ):
                await asyncio.sleep(0)

    async def drain(self) -> asyncio.Task[None]:
        """Let the worker drain, with a minute's time; ends with what it still has in hand."""
        deadline = asyncio.get_running_loop().time() + 60
        draining = asyncio.create_task(self.gate.drain(deadline))
        while not self.gate.draining:
            await asyncio.sleep(0)
        return draining

    async def told(self, kind: type[Event]) -> list[Event]:
        history = await self.store.load(subject_of("task", facts.TASK))
        events = [event for one in history for event in one.commit.events]
        return [event for event in events if isinstance(event, kind)]
