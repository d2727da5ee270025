"""Work of a task on a branch of its own, in a repository that others push to."""

from pathlib import Path

from tests.workflows.remote import ONE, REPOSITORY, Remote, said
from workflows.branches import Branches
from workflows.git_sandboxes import GitSandboxes
from workflows.sandbox import NewBranch
from workflows.sandbox_git import SandboxGit

WORK = "work/ü"


class Work:
    """A task's working tree on a branch of its own, here or on another machine, and what is done with it."""

    def __init__(self, remote: Remote, sandboxes: GitSandboxes, branches: Branches) -> None:
        self.remote = remote
        self.sandboxes = sandboxes
        self.branches = branches
        self.sandbox = sandboxes.allocate(task_id=ONE, repository_id=REPOSITORY)
        self.base = ""

    @property
    def tree(self) -> Path:
        return Path(self.sandbox.path)

    @property
    def git(self) -> SandboxGit:
        return SandboxGit(self.sandboxes, self.sandbox)

    async def begin(self) -> None:
        checkout = await self.sandboxes.prepare(
            self.sandbox, remote_url=self.remote.url, branch=NewBranch(WORK)
        )
        self.base = checkout.base

    async def run(self, script: str) -> str:
        child = await self.sandboxes.start(self.sandbox, ["sh", "-ec", script])
        exit_code, output = await said(child)
        assert exit_code == 0, output
        return output.strip()

    async def commit(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)
        assert await self.git.commit_all(branch=WORK, message="Änderung")

    async def push(self, branch: str = WORK) -> str:
        return await self.branches.push(
            REPOSITORY, remote_url=self.remote.url, branch=branch, base=self.base
        )

    async def merge(self) -> str:
        return await self.branches.merge(
            REPOSITORY, remote_url=self.remote.url, branch=WORK, base=self.base, title="The work"
        )

    async def rename(self, new: str, old: str = WORK) -> None:
        await self.branches.rename(self.sandbox, remote_url=self.remote.url, old=old, new=new)
