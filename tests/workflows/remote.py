"""Repositories as people have them, and what the tests of this folder share."""

import asyncio
import os
import subprocess
from pathlib import Path

from events.ids import RepositoryId, SandboxId
from workflows.processes import Child

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


async def said(child: Child) -> tuple[int, str]:
    """The exit code of a child and all it printed on its standard output."""
    async with asyncio.timeout(20):
        output = await child.stdout.read()
        return await child.wait(), output.decode()
