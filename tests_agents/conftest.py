from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from events.ids import TaskId
from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import House
from tests.workflows.conversation import SCRIPTED
from tests.workflows.remote import REPOSITORY
from tests_agents.sandbox_agent_server import BINARY, SandboxAgentServer
from tests_agents.talks import Talks
from workflows.agents import known_agents
from workflows.sandbox import Sandbox
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_launcher import SandboxAgentLauncher


def pytest_sessionstart() -> None:
    if BINARY is None:
        pytest.exit("The sandbox-agent binary is not here: run `make test-agents`.", returncode=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxAgentServer]:
    """A running server whose agent `mock` is the scripted one, and whose environment holds secrets."""
    server = SandboxAgentServer(
        tmp_path / "server", token="opens-the-door", CLOUD_KEY="a-secret", ANTHROPIC_API_KEY="a-key"
    )
    server.give_agent(SCRIPTED)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
async def api(server: SandboxAgentServer) -> AsyncIterator[SandboxAgentApi]:
    async with SandboxAgentApi(server.url, server.token) as api:
        yield api


@pytest.fixture
def far_folder(tmp_path: Path) -> Path:
    """Where everything of the worker lies over there."""
    return tmp_path / "over there" / "host 1"


@pytest.fixture
def sandboxes(api: SandboxAgentApi, far_folder: Path, tmp_path: Path) -> SandboxAgentSandboxes:
    return SandboxAgentSandboxes(api, folder=far_folder, local_root=tmp_path)


@pytest.fixture
def launcher(
    api: SandboxAgentApi, sandboxes: SandboxAgentSandboxes, far_folder: Path
) -> SandboxAgentLauncher:
    return SandboxAgentLauncher(api, sandboxes, known_agents(None), folder=far_folder)


@pytest.fixture
def sandbox(sandboxes: SandboxAgentSandboxes) -> Sandbox:
    """Room for a task, without a repository."""
    sandbox = sandboxes.allocate(task_id=TaskId("task_1"), repository_id=REPOSITORY)
    Path(sandbox.path).mkdir(parents=True)
    (sandboxes.state_folder(sandbox.task_id) / "home" / "tmp").mkdir(parents=True)
    return sandbox


@pytest.fixture
def talks(launcher: SandboxAgentLauncher, sandbox: Sandbox) -> Talks:
    return Talks(launcher, sandbox)


@pytest.fixture
def git_repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "remotes" / "project")


@pytest.fixture
def node_settings() -> dict[str, str]:
    """What a module's node is told besides where its sandboxes are."""
    return {}


@pytest.fixture
def node(
    server: SandboxAgentServer, tmp_path: Path, node_settings: dict[str, str]
) -> Iterator[NodeProcess]:
    node = NodeProcess(
        tmp_path / "data",
        FOUNDRY_SANDBOX_AGENT_URL=server.url,
        FOUNDRY_SANDBOX_AGENT_TOKEN=server.token,
        FOUNDRY_SANDBOX_AGENT_FOLDER=str(tmp_path / "over there"),
        **node_settings,
    )
    try:
        node.start()
        yield node
    finally:
        node.end()


@pytest.fixture
async def house(node: NodeProcess, git_repository: GitRepository) -> AsyncIterator[House]:
    async with Client(node.address, node.token) as owner:
        yield await House.build(owner, git_repository.url)
