"""How an agent comes to be on the server, and what it sees of it."""

import shlex
import shutil
from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.conversation import SCRIPTED, Notes
from tests_agents.sandbox_agent_server import SandboxAgentServer
from tests_agents.talks import Talks, turn
from workflows.agents import known_agents
from workflows.sandbox import Sandbox
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_launcher import SandboxAgentLauncher


async def test_an_agent_that_is_not_there_and_cannot_be_installed_is_a_clear_problem(
    talks: Talks,
) -> None:
    for name, code in (("codex", "agent_not_installed"), ("gemini", "agent_unknown")):
        with pytest.raises(Rejected) as refused:
            await talks.launcher.find(name)
        assert refused.value.code == code


async def test_an_agent_that_is_not_there_is_installed_by_the_server(
    talks: Talks, server: SandboxAgentServer
) -> None:
    found = await talks.launcher.find("mock")
    server.launcher.unlink()
    again = await talks.launcher.find("mock")

    assert found == str(server.launcher)
    assert again == str(server.launcher)


async def test_no_agent_or_process_sees_the_servers_environment_but_an_agent_its_own_key(
    talks: Talks, server: SandboxAgentServer, sandboxes: SandboxAgentSandboxes, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    server.give_agent(["sh", "-c", f"env > '{seen}'; exec {shlex.join(SCRIPTED)}"])
    server.give_agent(["sh", "-c", f"env > '{seen}'; exec {shlex.join(SCRIPTED)}"], name="claude")

    async with talks.with_agent("mock"):
        of_mock = seen.read_text()
    async with talks.with_agent("claude"):
        of_claude = seen.read_text()
    process = await sandboxes.start(talks.sandbox, ["env"])
    of_process = (await process.stdout.read()).decode()
    notes = Notes()
    async with talks.with_agent("shell") as agent:
        await turn(agent, "env", notes)

    for environment in (of_mock, of_claude, of_process, notes.text()):
        assert "a-secret" not in environment
        assert f"HOME={sandboxes.state_folder(talks.sandbox.task_id)}" in environment
    assert "ANTHROPIC_API_KEY=a-key" in of_claude
    assert "a-key" not in of_mock + of_process + notes.text()


async def test_the_shell_agent_is_brought_there_and_runs_scripts_in_the_sandbox(
    talks: Talks,
) -> None:
    notes = Notes()

    async with talks.with_agent("shell") as agent:
        assert await turn(agent, "pwd; echo hé >&2; exit 3", notes) == "end_turn"

    assert notes.text() == f"{talks.sandbox.path}\n"
    assert notes.text("stderr") == "hé\n"


async def test_without_a_python_there_the_shell_agent_is_a_clear_problem(
    api: SandboxAgentApi, sandbox: Sandbox, far_folder: Path, server: SandboxAgentServer
) -> None:
    server.kill()
    server.start(PATH=str(only_coreutils(far_folder.parent / "bin")))
    launcher = SandboxAgentLauncher(
        api,
        SandboxAgentSandboxes(api, folder=far_folder, local_root=None),
        known_agents(None),
        folder=far_folder,
    )

    with pytest.raises(Rejected, match="python3 was not found") as refused:
        await launcher.find("shell")

    assert refused.value.code == "agent_not_installed"


def only_coreutils(folder: Path) -> Path:
    """A PATH on which there are a shell and files, and nothing else."""
    folder.mkdir(parents=True)
    for name in ("sh", "mkdir", "mv", "rm", "tail", "cat"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder
