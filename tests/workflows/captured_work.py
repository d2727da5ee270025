"""A prepared sandbox whose files are captured."""

from pathlib import Path

from events.ids import TaskId
from tests.workflows.remote import REPOSITORY, Remote
from workflows.git import Git
from workflows.local_sandbox import LocalSandboxes
from workflows.sandbox import Captured, CapturedFile, NewBranch, Sandbox


class CapturedWork:
    """A prepared sandbox, and git as the agent in it uses it."""

    def __init__(self, sandboxes: LocalSandboxes, sandbox: Sandbox, base: str, git: Git) -> None:
        self.tree = Path(sandbox.path)
        self.base = base
        self._sandboxes = sandboxes
        self._sandbox = sandbox
        self._git = git

    async def git(self, *args: str) -> str:
        done = await self._git.run(*args, folder=self.tree)
        return done.output.decode().strip()

    async def capture(self, unless: str | None = None) -> Captured | None:
        return await self._sandboxes.capture(self._sandbox, base=self.base, unless=unless)

    async def captured(self) -> Captured:
        captured = await self.capture()
        assert captured is not None
        return captured

    async def files(self) -> dict[str, CapturedFile]:
        return {file.path: file for file in (await self.captured()).files}


async def captured_work(sandboxes: LocalSandboxes, remote: Remote, git: Git) -> CapturedWork:
    remote.commit(
        **{
            "kept.txt": "kept\n",
            "src__main.py": "one\ntwo\nthree\n",
            "gone.txt": "gone\n",
            "old name.txt": "".join(f"line {number}\n" for number in range(30)),
            ".gitignore": "ignored/\n",
        }
    )
    sandbox = sandboxes.allocate(task_id=TaskId("task_1"), repository_id=REPOSITORY)
    checkout = await sandboxes.prepare(
        sandbox, remote_url=remote.url, branch=NewBranch("foundry/one")
    )
    return CapturedWork(sandboxes, sandbox, checkout.base, git)
