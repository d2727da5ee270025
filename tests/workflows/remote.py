"""Repositories as people have them, and what the tests of this folder share."""

import asyncio
import os
import subprocess
from pathlib import Path

from events.ids import RepositoryId, SandboxId, TaskId
from workflows.git_sandboxes import GitSandboxes
from workflows.sandbox import Checkout, ExistingBranch, NewBranch, Running, Sandbox

ONE, TWO = TaskId("task_1"), TaskId("task_2")
REPOSITORY = RepositoryId("repo_1")
SANDBOX = SandboxId("sbx_1")
PATH = os.environ["PATH"]


class Remote:
    """A repository as people have them, changed with plain git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *args],
            cwd=self.path,
            env={"PATH": PATH, "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, **files: str) -> str:
        """Files by name (`__` stands for `/`); the new commit."""
        for name, text in files.items():
            file = self.path / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    @property
    def url(self) -> str:
        return str(self.path)


async def said(child: Running) -> tuple[int | None, str]:
    """The exit code of a child and all it printed on its standard output."""
    async with asyncio.timeout(20):
        output = await child.stdout.read()
        return await child.wait(), output.decode()


async def prepare(
    sandboxes: GitSandboxes,
    remote: Remote,
    branch: NewBranch | ExistingBranch,
    task_id: TaskId = ONE,
) -> tuple[Sandbox, Checkout]:
    sandbox = sandboxes.allocate(task_id=task_id, repository_id=REPOSITORY)
    return sandbox, await sandboxes.prepare(sandbox, remote_url=remote.url, branch=branch)


async def run(sandboxes: GitSandboxes, sandbox: Sandbox, script: str) -> str:
    """What a script prints in a sandbox; it must succeed and complain of nothing."""
    child = await sandboxes.start(sandbox, ["sh", "-c", script])
    async with asyncio.timeout(20):
        output, errors = await asyncio.gather(child.stdout.read(), child.stderr.read())
        assert (await child.wait(), errors.decode()) == (0, "")
    return output.decode().strip()
