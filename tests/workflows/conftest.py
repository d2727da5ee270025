from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workflows.conversation import SCRIPTED, talking
from tests.workflows.remote import PATH, Remote
from tests.workflows.table import LosesFirstBlob, Table
from tests.workflows.work import Work
from workflows.branches import Branches
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.processes import Processes
from workflows.remotes import Remotes
from workflows.repositories import Repositories


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remotes" / "a tööl")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(home=tmp_path / "git home", path=PATH)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    processes = Processes(owner=str(tmp_path), environ={"PATH": PATH, "FOUNDRY_TOKEN": "secret"})
    yield processes
    await processes.close()


@pytest.fixture
def repositories(git: Git, tmp_path: Path) -> Repositories:
    return Repositories(git, tmp_path / "data" / "repositories", local_root=tmp_path)


@pytest.fixture
def remotes(git: Git, repositories: Repositories) -> Remotes:
    return Remotes(git, repositories)


@pytest.fixture
def sandboxes(
    git: Git, repositories: Repositories, processes: Processes, tmp_path: Path
) -> LocalSandboxes:
    return LocalSandboxes(
        data=tmp_path / "data", git=git, repositories=repositories, processes=processes
    )


@pytest.fixture
def branches(repositories: Repositories, sandboxes: LocalSandboxes) -> Branches:
    return Branches(repositories, sandboxes)


@pytest.fixture
async def work(remote: Remote, sandboxes: LocalSandboxes, branches: Branches) -> Work:
    """Work on a repository whose default branch nobody has checked out, so that it can be merged into."""
    remote.commit(a="1\n", **{"b c__ü": "1\n"})
    remote.git("checkout", "--quiet", "--detach")
    work = Work(remote, sandboxes, branches)
    await work.begin()
    return work


@pytest.fixture
async def table(processes: Processes, tmp_path: Path) -> AsyncIterator[Table]:
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        yield Table(agent, LosesFirstBlob())
