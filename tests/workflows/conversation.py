"""Agents as the tests talk to them: started under a supervisor, every entry noted down."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from events.agent_session import PermissionOption
from events.ids import Timestamp
from events.transcript import Entry
from tests.workflows.remote import SANDBOX
from workflows.acp_agent import AgentProcess
from workflows.processes import Processes

SCRIPTED = (sys.executable, "-I", "-S", str(Path(__file__).with_name("scripted_agent.py")))


class Notes:
    """Takes entries and answers questions."""

    def __init__(self, answer: str | None = None) -> None:
        self.entries: list[Entry] = []
        self.questions: list[tuple[str, tuple[str, ...]]] = []
        self._answer = answer

    async def on_entry(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def ask(self, title: str, options: Sequence[PermissionOption]) -> str | None:
        self.questions.append((title, tuple(option.id for option in options)))
        return self._answer

    @property
    def said(self) -> list[tuple[str, str, str | None]]:
        return [(entry.sender, entry.kind, entry.text) for entry in self.entries]

    def text(self, kind: str = "agent_message_chunk") -> str:
        return "".join(entry.text or "" for entry in self.entries if entry.kind == kind)


@asynccontextmanager
async def talking(
    processes: Processes,
    folder: Path,
    command: Sequence[str],
    *,
    resume: str | None = None,
    within: float = 30.0,
) -> AsyncIterator[AgentProcess]:
    """An agent whose session works in `folder`; its home and log stand there too."""
    (folder / "home" / "tmp").mkdir(parents=True, exist_ok=True)
    child = await processes.start(command, sandbox_id=SANDBOX, cwd=folder, home=folder / "home")
    agent = await AgentProcess.start(
        child,
        cwd=folder,
        now=lambda: Timestamp(1),
        log=folder / "logs" / "agent.log",
        resume=resume,
        within=within,
    )
    try:
        yield agent
    finally:
        await agent.close()


async def turn(agent: AgentProcess, text: str, notes: Notes) -> str:
    async with asyncio.timeout(30):
        return await agent.prompt(text, on_entry=notes.on_entry, ask=notes.ask)
