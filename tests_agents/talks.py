"""Agents on a sandbox-agent server, talked to as the worker does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from events.ids import Timestamp
from tests.workflows.conversation import Notes
from workflows.acp_agent import AgentProcess
from workflows.sandbox import Sandbox
from workflows.sandbox_agent_launcher import SandboxAgentLauncher


class Talks:
    """Agents of one sandbox over there."""

    def __init__(self, launcher: SandboxAgentLauncher, sandbox: Sandbox) -> None:
        self.launcher = launcher
        self.sandbox = sandbox

    @asynccontextmanager
    async def with_agent(self, name: str = "mock") -> AsyncIterator[AgentProcess]:
        running = await self.launcher.start(self.sandbox, name)
        agent = await AgentProcess.start(
            running, cwd=Path(self.sandbox.path), now=lambda: Timestamp(1)
        )
        try:
            yield agent
        finally:
            await agent.close()


async def turn(agent: AgentProcess, text: str, notes: Notes) -> str:
    async with asyncio.timeout(60):
        return await agent.prompt(text, on_entry=notes.on_entry, ask=notes.ask)
