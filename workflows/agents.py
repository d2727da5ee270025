"""Which agents there are, how each is started, and what to do when one is not there."""

import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from runtime.errors import Rejected
from runtime.settings import BadSetting


class AgentCommand(Struct, frozen=True, kw_only=True):
    """An agent that speaks the Agent Client Protocol on its standard input and output.

    `pass_on` names the variables of the worker's environment it may see (its key), `install` says
    what a person can do when the command is missing.
    """

    name: str
    command: tuple[str, ...]
    pass_on: tuple[str, ...] = ()
    install: str = "Install it on the worker's PATH or change its command in FOUNDRY_AGENTS."


class BadAgents(BadSetting):
    """FOUNDRY_AGENTS cannot be understood; the text says why."""


def known_agents(setting: str | None) -> dict[str, AgentCommand]:
    """The agents built in and those of FOUNDRY_AGENTS: JSON itself, or the path of a JSON or TOML file.

    Either maps a name to a command (a list), or to `{"command": [...], "pass_on": [...]}`; a known
    name is replaced. Raises `BadAgents`.
    """
    if not setting or not setting.strip():
        return dict(_BUILT_IN)
    if setting.lstrip().startswith("{"):
        return _BUILT_IN | parse_agents(setting)
    try:
        text = Path(setting).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadAgents(f"FOUNDRY_AGENTS names a file that cannot be read: {error}.") from None
    return _BUILT_IN | parse_agents(text)


def parse_agents(text: str) -> dict[str, AgentCommand]:
    """Agents declared in JSON, or in TOML if the text does not begin with `{`. Raises `BadAgents`."""
    try:
        raw = msgspec.json.decode(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        declared = msgspec.convert(raw, dict[str, list[str] | _Declared])
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeEncodeError) as error:
        raise BadAgents(
            f"FOUNDRY_AGENTS cannot be understood ({error}); each name in it needs a command as a list of words,"
            ' or {"command": [...], "pass_on": [...]}.'
        ) from None
    agents: dict[str, AgentCommand] = {}
    for name, one in declared.items():
        given = one if isinstance(one, _Declared) else _Declared(command=one)
        if not name or not given.command or not all(given.command):
            raise BadAgents(f"FOUNDRY_AGENTS: the agent {name!r} needs a name and a command.")
        agents[name] = AgentCommand(
            name=name, command=tuple(given.command), pass_on=tuple(given.pass_on)
        )
    return agents


def find_agent(agents: Mapping[str, AgentCommand], name: str, *, path: str) -> AgentCommand:
    """The agent called `name`, whose program is on `path`. Raises `Rejected` with the way out."""
    agent = agents.get(name)
    if agent is None:
        raise Rejected(
            f"There is no agent {name}. Choose one of {', '.join(sorted(agents))}, or declare it in FOUNDRY_AGENTS.",
            code="agent_unknown",
        )
    if shutil.which(agent.command[0], path=path) is None:
        raise Rejected(
            f"The agent {name} is not installed here: {agent.command[0]} was not found. {agent.install}",
            code="agent_not_installed",
        )
    return agent


def environment_of(agent: AgentCommand, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables an agent gets of the worker's own environment."""
    return {name: environ[name] for name in agent.pass_on if name in environ}


class _Declared(Struct, forbid_unknown_fields=True):
    command: list[str]
    pass_on: list[str] = []


def _npm(package: str) -> str:
    return f"Install it with `npm install --global {package}`, or choose the agent `shell`."


# Without site packages and variables, Python starts in a third of the time; so it is told where we are.
_SHELL_AGENT = (
    "import sys; sys.path.append(sys.argv[1]); from workflows.shell_agent import main; main()"
)
_ROOT = Path(__file__).parent.parent


def shell_agent_command(python: str, root: Path) -> tuple[str, ...]:
    """How the agent `shell` is run by a Python that has nothing but itself; `root` holds the package it is in."""
    return (python, "-I", "-S", "-c", _SHELL_AGENT, str(root))


_BUILT_IN = {
    agent.name: agent
    for agent in (
        AgentCommand(name="shell", command=shell_agent_command(sys.executable, _ROOT)),
        AgentCommand(
            name="claude",
            command=("claude-agent-acp",),
            pass_on=("ANTHROPIC_API_KEY",),
            install=_npm("@agentclientprotocol/claude-agent-acp"),
        ),
        AgentCommand(
            name="codex",
            command=("codex-acp",),
            pass_on=("OPENAI_API_KEY", "CODEX_API_KEY"),
            install=_npm("@zed-industries/codex-acp"),
        ),
        AgentCommand(
            name="gemini",
            command=("gemini", "--acp"),
            pass_on=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            install=_npm("@google/gemini-cli"),
        ),
        AgentCommand(
            name="opencode",
            command=("opencode", "acp"),
            pass_on=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
            install=_npm("opencode-ai"),
        ),
        AgentCommand(
            name="goose",
            command=("goose", "acp"),
            # Which of these is its to use it is told by name, else by a file that no sandbox has.
            pass_on=(
                *("GOOSE_PROVIDER", "GOOSE_MODEL"),
                *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY"),
            ),
        ),
    )
}
