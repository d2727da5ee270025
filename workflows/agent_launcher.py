"""How an agent is found and started in a sandbox: here by its command, on a sandbox-agent server by its name."""

from collections.abc import Mapping
from typing import Protocol

from events.ids import SessionId
from runtime.errors import Rejected
from workflows.agents import AgentCommand, environment_of, find_agent
from workflows.sandbox import Running, Sandbox, SandboxProvider
from workflows.sandbox_agent_acp import SandboxAgentAcp
from workflows.sandbox_agent_api import SandboxAgentApi

SANDBOX_AGENT_AGENTS = frozenset(
    ("amp", "claude", "codex", "cursor", "mock", "opencode", "pi"),
)
"""The agents a sandbox-agent server may know (0.4.2): no command has to wait for it to tell."""


class AgentLauncher(Protocol):
    """One for each provider of sandboxes."""

    async def find(self, agent: str) -> str:
        """What will be started. Raises `Rejected` with the way out when it cannot be."""

    async def start(self, sandbox: Sandbox, agent: str, session_id: SessionId) -> Running:
        """Start it for a session. Raises `Rejected`, `Unavailable` or `OSError`."""


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

    async def start(self, sandbox: Sandbox, agent: str, session_id: SessionId) -> Running:
        """Run the command in the sandbox."""
        command = self._command(agent)
        env = environment_of(command, self._environ)
        return await self._provider.start(sandbox, command.command, env=env)

    def _command(self, agent: str) -> AgentCommand:
        return find_agent(self._agents, agent, path=self._environ.get("PATH", ""))


class SandboxAgentLauncher:
    """The agents a sandbox-agent server knows; it installs them itself and gives them its own environment."""

    def __init__(self, api: SandboxAgentApi) -> None:
        self._api = api

    async def find(self, agent: str) -> str:
        """The agent's name, if the server knows it."""
        answer = (await self._api.call("GET", "/v1/agents")).json()
        names = sorted(one["id"] for one in answer["agents"])
        if agent not in names:
            raise Rejected(
                f"The sandbox-agent server has no agent {agent}. Choose one of {', '.join(names)}.",
                code="agent_unknown",
            )
        return agent

    async def start(self, sandbox: Sandbox, agent: str, session_id: SessionId) -> Running:
        """Have the server start it with the first message."""
        return await SandboxAgentAcp.start(self._api, agent=agent, key=session_id)
