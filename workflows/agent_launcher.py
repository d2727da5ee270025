"""How an agent is found and started in a sandbox."""

from collections.abc import Mapping
from typing import Protocol

from workflows.agents import AgentCommand, environment_of, find_agent
from workflows.sandbox import Running, Sandbox, SandboxProvider


class AgentLauncher(Protocol):
    """One for each provider of sandboxes."""

    async def find(self, agent: str) -> str:
        """What will be started. Raises `Rejected` with the way out when it cannot be."""

    async def start(self, sandbox: Sandbox, agent: str) -> Running:
        """Start it. Raises `Rejected`, `Unavailable` or `OSError`."""


class CommandLauncher:
    """Agents that are commands, in sandboxes of this machine. `environ` is the worker's own environment."""

    def __init__(
        self,
        provider: SandboxProvider,
        agents: Mapping[str, AgentCommand],
        environ: Mapping[str, str],
    ) -> None:
        self._provider = provider
        self._agents = agents
        self._environ = environ

    async def find(self, agent: str) -> str:
        """The program."""
        return self._command(agent).command[0]

    async def start(self, sandbox: Sandbox, agent: str) -> Running:
        """Run the command in the sandbox."""
        command = self._command(agent)
        env = environment_of(command, self._environ)
        return await self._provider.start(sandbox, command.command, env=env)

    def _command(self, agent: str) -> AgentCommand:
        return find_agent(self._agents, agent, path=self._environ.get("PATH", ""))
