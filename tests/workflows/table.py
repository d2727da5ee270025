"""A task at whose first message a real agent sits, and what its turn left in the log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from commands.task_state import Session, Task
from events.agent_session import PermissionRequested, TurnEnded
from events.commit import Event
from events.fact import Attachment, Blob
from events.ids import Timestamp
from events.memory import MemoryStore
from events.store import subject_of
from events.task import Permissions
from events.transcript import EntriesAppended, Entry
from runtime.errors import Unavailable
from tests import facts
from tests.workflows.ready_task import READY
from workflows.acp_agent import AgentProcess
from workflows.steady_reports import SteadyReports
from workflows.turn import Turn


class LosesFirstBlob(MemoryStore):
    """A store that cannot be reached when the first blob is put."""

    lost = False

    async def put_blob(self, content: bytes) -> Blob:
        if not self.lost:
            self.lost = True
            raise Unavailable("The event store cannot be reached.")
        return await super().put_blob(content)


class Interrupting(SteadyReports):
    """Once the first report is stored, something else happens before its sender hears of that."""

    happening: Callable[[], Awaitable[None]] | None = None

    async def report(self, *args: Any, **named: Any) -> Any:
        answer = await super().report(*args, **named)
        happening, self.happening = self.happening, None
        if happening is not None:
            await happening()
        return answer


class Table:
    """A task with a session whose first message waits, and an agent for it."""

    def __init__(self, agent: AgentProcess, store: MemoryStore) -> None:
        self.agent = agent
        self.store = store
        self.aggregates = Aggregates(store)
        self.reports = Interrupting(Reports(store, self.aggregates, lambda: Timestamp(1)))

    async def turn(
        self,
        text: str,
        attachments: tuple[Attachment, ...] = (),
        *,
        permissions: Permissions = "ask",
    ) -> Turn:
        history: list[Event] = [
            replace(facts.task_created(), permissions=permissions),
            *READY[1:],
            facts.message_queued(text=text, attachments=attachments),
        ]
        await self.reports.report(TASK, facts.TASK, lambda now: history, report_id="given")
        task = (await self.aggregates.load(TASK, facts.TASK)).state
        assert isinstance(task, Task)
        session: Session = task.sessions[facts.SESSION]
        return Turn(
            task,
            session,
            session.queue[0],
            reports=self.reports,
            store=self.store,
            now=lambda: Timestamp(1),
            worker="w",
        )

    async def ended(self) -> list[str]:
        """How turns ended, as the task's history has it."""
        history = await self.store.load(subject_of("task", facts.TASK))
        events = [event for one in history for event in one.commit.events]
        return [event.stop_reason for event in events if isinstance(event, TurnEnded)]

    async def asked(self) -> PermissionRequested:
        """What the agent asks of a person, as soon as it does."""
        while True:
            history = await self.store.load(subject_of("task", facts.TASK))
            for event in [event for one in history for event in one.commit.events]:
                if isinstance(event, PermissionRequested):
                    return event
            await asyncio.sleep(0)

    async def said(self) -> list[tuple[str, str | None]]:
        return [(entry.sender, entry.text) for entry in await self.entries()]

    async def entries(self) -> list[Entry]:
        history = await self.store.load(subject_of("transcript", facts.SESSION))
        return [
            entry
            for one in history
            for event in one.commit.events
            if isinstance(event, EntriesAppended)
            for entry in event.entries
        ]

    async def until_said(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in [said for _, said in await self.said()]:
                await asyncio.sleep(0)
