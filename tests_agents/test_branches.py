"""The work of a task on a sandbox-agent server pushed, merged and renamed, from a worker that has nothing there."""

import subprocess
from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.remote import PATH, REPOSITORY, Remote
from tests.workflows.work import WORK, Work
from workflows.git import Git
from workflows.repositories import Repositories
from workflows.sandbox import BranchExists
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_branches import SandboxAgentBranches
from workflows.sandbox_git import SandboxGit
from workflows.scratch import Conflicting
from workflows.work_inside import WorkInside, kept_inside


class FarWork(Work):
    """The working tree is over there, and the worker has repositories of its own."""

    def __init__(
        self,
        remote: Remote,
        sandboxes: SandboxAgentSandboxes,
        branches: SandboxAgentBranches,
        near: Path,
    ) -> None:
        super().__init__(remote, sandboxes, branches)
        self.near = near
        self.scratch = sandboxes.scratch

    def left(self) -> list[str]:
        """What lies about, here or there, when all is done."""
        return [
            *(str(file) for file in self.near.glob("*.bundle")),
            *(str(file) for file in self.scratch.iterdir()),
        ]


def detach(tree: Path) -> None:
    """Leave a working tree on no branch, as an agent may."""
    subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=tree, check=True)


def shown(tree: Path, name: str) -> bytes:
    """What git has under a name."""
    return subprocess.run(
        ["git", "show", name], cwd=tree, stdout=subprocess.PIPE, check=True
    ).stdout


def work_on(
    remote: Remote, folder: Path, api: SandboxAgentApi, sandboxes: SandboxAgentSandboxes
) -> FarWork:
    near = folder / "near"
    git = Git(home=folder / "git home", path=PATH)
    branches = SandboxAgentBranches(Repositories(git, near, local_root=folder), sandboxes, api)
    return FarWork(remote, sandboxes, branches, near)


@pytest.fixture
async def work(tmp_path: Path, api: SandboxAgentApi, sandboxes: SandboxAgentSandboxes) -> FarWork:
    """Work on a repository whose default branch nobody has checked out, so that it can be merged into."""
    remote = Remote(tmp_path / "remotes" / "a tööl")
    remote.commit(a="1\n")
    remote.git("checkout", "--quiet", "--detach")
    work = work_on(remote, tmp_path, api, sandboxes)
    await work.begin()
    return work


async def test_what_is_committed_there_is_pushed_from_here_again_and_again(work: FarWork) -> None:
    with pytest.raises(Rejected) as refused:
        await work.push()
    assert refused.value.code == "nothing_to_push"
    await work.commit("new ü.txt", "1\n")

    tip = await work.push()
    again = await work.push()
    await work.commit("n", "2\n")
    later = await work.push()

    assert tip == again != later
    assert work.remote.git("rev-parse", WORK) == later
    assert work.remote.git("show", f"{WORK}:new ü.txt") == "1"
    assert work.remote.git("log", "-1", "--format=%an %s", WORK) == "Foundry agent Änderung"
    assert work.left() == []


async def test_the_first_branch_of_an_empty_repository_is_pushed(
    tmp_path: Path, api: SandboxAgentApi, sandboxes: SandboxAgentSandboxes
) -> None:
    work = work_on(Remote(tmp_path / "remotes" / "empty"), tmp_path, api, sandboxes)
    await work.begin()
    await work.commit("n", "1\n")

    assert await work.push() == work.remote.git("rev-parse", WORK)


async def test_the_work_in_a_repository_inside_is_kept_there(work: FarWork) -> None:
    tree = Path(work.sandbox.path)
    inner = Remote(tree / "in")
    inner.commit(n="1\n")
    (tree / "in" / "m").write_text("2\n")
    under = kept_inside(work.sandbox.task_id)

    kept = await WorkInside(SandboxGit(work.sandboxes, work.sandbox)).keep(
        base=work.base, under=under, message="Änderung"
    )

    assert kept == under
    bundle = tree / "kept"
    bundle.write_bytes(shown(tree, f"{under}:in.bundle"))
    again = Remote(tree.parent / "again")
    again.git("pull", "--quiet", str(bundle), "main")
    assert (again.path / "m").read_text() == "2\n"


async def test_what_stands_on_no_branch_there_is_kept_on_one_of_its_own(work: FarWork) -> None:
    """As an archive keeps it, also behind the lock of a git that was killed."""
    tree = Path(work.sandbox.path)
    detach(tree)
    (tree / "n").write_text("1\n")
    locks = (tree / ".git").read_text().removeprefix("gitdir: ").strip()
    Path(locks, "index.lock").touch()
    git = SandboxGit(work.sandboxes, work.sandbox)

    kept_on = await git.keep_all(branch=WORK, base=work.base, message="Änderung")
    again = await git.keep_all(branch=WORK, base=work.base, message="Änderung")

    await git.check_kept(base=work.base)
    assert kept_on is not None
    assert kept_on.startswith(f"{WORK}-")
    assert again == kept_on
    await work.push(kept_on)
    assert work.remote.git("show", f"{kept_on}:n") == "1"


async def test_commits_of_others_are_never_lost(work: FarWork) -> None:
    await work.commit("n", "1\n")
    await work.push()
    work.remote.git("checkout", "--quiet", WORK)
    theirs = work.remote.commit(m="theirs")
    work.remote.git("checkout", "--quiet", "--detach")
    await work.commit("n", "2\n")

    with pytest.raises(Rejected) as refused:
        await work.push()

    assert refused.value.code == "not_fast_forward"
    assert work.remote.git("rev-parse", WORK) == theirs


async def test_a_branch_is_merged_into_a_remote_that_moved_on(work: FarWork) -> None:
    work.remote.git("checkout", "--quiet", "main")
    theirs = work.remote.commit(m="theirs")
    work.remote.git("checkout", "--quiet", "--detach")
    await work.commit("n", "1\n")

    merged = await work.merge()

    assert work.remote.git("rev-parse", "main") == merged == await work.merge()
    assert work.remote.git("rev-parse", "main^1") == theirs
    assert work.remote.git("show", "main:n") == "1"


async def test_conflicts_are_named_and_nothing_is_changed(work: FarWork) -> None:
    work.remote.git("checkout", "--quiet", "main")
    theirs = work.remote.commit(a="theirs\n")
    work.remote.git("checkout", "--quiet", "--detach")
    await work.commit("a", "mine\n")

    with pytest.raises(Conflicting, match="in a"):
        await work.merge()

    assert work.remote.git("rev-parse", "main") == theirs
    assert work.left() == []


async def test_a_branch_is_renamed_and_goes_with_its_task(work: FarWork) -> None:
    await work.commit("n", "1\n")
    there = {"remote_url": work.remote.url, "old": WORK}

    with pytest.raises(BranchExists):
        await work.branches.rename(work.sandbox, **there, new="main")
    await work.branches.rename(work.sandbox, **there, new="better/ü")
    await work.branches.rename(work.sandbox, **there, new="better/ü")

    assert await work.push("better/ü") == work.remote.git("rev-parse", "better/ü")
    await work.sandboxes.release(work.sandbox.task_id, branch="delete")
    async with work.sandboxes.repositories.alone(REPOSITORY) as repository:
        assert await repository.tips("refs/heads/") == {}
