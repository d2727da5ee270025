"""Git repositories as people have them, small, and changed with plain git."""

import os
import subprocess
from pathlib import Path


class GitRepository:
    """A repository with one commit on `main`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        (path / "README.md").write_text("# A project\n")
        (path / "word.txt").write_text("one\ntwo\nthree\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "Begin")

    def git(self, *args: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *args],
            cwd=self.path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "GIT_CONFIG_NOSYSTEM": "1",
            },
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    @property
    def url(self) -> str:
        return str(self.path)
