from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.system.git_repository import GitRepository
from tests.workflows.conversation import SCRIPTED
from tests_agents.sandbox_agent_server import BINARY, SandboxAgentServer
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi


def pytest_sessionstart() -> None:
    if BINARY is None:
        pytest.exit("The sandbox-agent binary is not here: run `make test-agents`.", returncode=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxAgentServer]:
    """A running server whose agent `mock` is the scripted one."""
    server = SandboxAgentServer(tmp_path / "server", token="opens-the-door")
    server.give_agent(SCRIPTED)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
async def api(server: SandboxAgentServer) -> AsyncIterator[SandboxAgentApi]:
    api = SandboxAgentApi(server.url, server.token)
    yield api
    await api.close()


@pytest.fixture
def sandboxes(api: SandboxAgentApi, tmp_path: Path) -> SandboxAgentSandboxes:
    return SandboxAgentSandboxes(api, folder=tmp_path / "over there", local_root=tmp_path)


@pytest.fixture
def git_repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "remotes" / "project")
