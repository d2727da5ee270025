"""Agents in sandboxes on a sandbox-agent server: found or installed there, and started as any process there is."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import httpx
from msgspec import Struct

from runtime.errors import Rejected
from workflows.agents import AgentCommand, shell_agent_command
from workflows.sandbox import Running, Sandbox
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi, SandboxAgentUnavailable, understood

SANDBOX_AGENT_AGENTS = frozenset(
    ("amp", "claude", "codex", "cursor", "mock", "opencode", "pi", "shell"),
)
"""The agents the server may have (0.4.2, and ours): no command has to wait for it to tell."""

INSTALL_SECONDS = 280.0

# A launcher of its own, by the place where it puts them; else the command we know, if that is there.
_FIND = """
launcher="${XDG_DATA_HOME:-$HOME/.local/share}/sandbox-agent/bin/agent_processes/$1-acp"
if [ -x "$launcher" ]; then
    printf 'launcher\n%s' "$launcher"
elif [ -n "$2" ]; then
    program=$(command -v "$2") && printf 'command\n%s' "$program"
    :
fi
"""
_TRY_SHELL_AGENT = """
command -v python3 >/dev/null || { printf 'python3 was not found'; exit 0; }
python3 -I -S -c 'import sys; sys.path.append(sys.argv[1]); import workflows.shell_agent' "$1" 2>&1 | tail -n 1
"""
_SHELL_AGENT_FILES = [
    Path(__file__).with_name(name) for name in ("shell_agent.py", "shell_script.py")
]


class _Installable(Struct):
    id: str


class _Listed(Struct):
    agents: list[_Installable]


class SandboxAgentLauncher:
    """Starts agents through the server, which finds and installs them itself.

    `agents` are those known here: they say which variables of the server's environment each may see.
    `folder` is a folder on the server's machine.
    """

    def __init__(
        self,
        api: SandboxAgentApi,
        sandboxes: SandboxAgentSandboxes,
        agents: Mapping[str, AgentCommand],
        *,
        folder: Path,
    ) -> None:
        self._api = api
        self._sandboxes = sandboxes
        self._agents = agents
        self._shell_agent = folder / "shell_agent" / _digest_of_shell_agent()

    async def find(self, agent: str) -> str:
        """The program. The server installs an agent that it knows and does not have."""
        return (await self._command(agent))[0]

    async def start(self, sandbox: Sandbox, agent: str) -> Running:
        """Run it in the sandbox."""
        known = self._agents.get(agent)
        return await self._sandboxes.start(
            sandbox,
            await self._command(agent),
            pass_on=known.pass_on if known is not None else (),
            when_lost="end",
        )

    async def _command(self, agent: str) -> tuple[str, ...]:
        if agent == "shell":
            await self._bring_shell_agent()
            return shell_agent_command("python3", self._shell_agent)
        return await self._found(agent) or await self._installed(agent)

    async def _found(self, agent: str) -> tuple[str, ...] | None:
        command = self._agents[agent].command if agent in self._agents else ()
        said = await self._api.shell(_FIND, agent, command[0] if command else "")
        kind, _, program = said.partition("\n")
        match kind:
            case "launcher":
                return (program,)
            case "command":
                return (program, *command[1:])
            case _:
                return None

    async def _installed(self, agent: str) -> tuple[str, ...]:
        answer = await self._api.call("GET", "/v1/agents")
        names = {one.id for one in understood(answer.content, _Listed).agents}
        if agent not in names:
            raise Rejected(
                f"The sandbox-agent server has no agent {agent}. Choose one of {', '.join(sorted(names | {'shell'}))}.",
                code="agent_unknown",
            )
        try:
            await self._api.call(
                "POST",
                f"/v1/agents/{agent}/install",
                json={},
                timeout=httpx.Timeout(INSTALL_SECONDS, connect=5),
            )
        except SandboxAgentUnavailable as error:
            if error.status is None:
                raise
            raise _not_installed(agent, error.detail) from None
        found = await self._found(agent)
        if found is None:
            raise _not_installed(agent, "The server installed it and has no launcher for it.")
        return found

    async def _bring_shell_agent(self) -> None:
        problem = await self._problem_of_shell_agent()
        if not problem:
            return
        package = self._shell_agent / "workflows"
        await self._api.shell('mkdir -p "$1"', str(package))
        for file in _SHELL_AGENT_FILES:
            await self._api.write(str(package / file.name), file.read_bytes())
        if problem := await self._problem_of_shell_agent():
            raise _not_installed("shell", f"It needs Python 3.10 there: {problem}.")

    async def _problem_of_shell_agent(self) -> str:
        said = await self._api.shell(_TRY_SHELL_AGENT, str(self._shell_agent))
        return said.strip()


def _not_installed(agent: str, why: str) -> Rejected:
    return Rejected(
        f"The agent {agent} is not installed on the sandbox-agent server. {why}",
        code="agent_not_installed",
    )


def _digest_of_shell_agent() -> str:
    """Part of the agent's path, so that a newer worker does not run an older agent."""
    return sha256(b"".join(file.read_bytes() for file in _SHELL_AGENT_FILES)).hexdigest()[:12]
