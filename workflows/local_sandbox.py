"""Sandboxes on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from events.ids import TaskId
from workflows.capture_folder import LocalCaptureFolder
from workflows.disk import LocalDisk
from workflows.git import Git
from workflows.git_sandboxes import GitSandboxes
from workflows.processes import Child, Processes
from workflows.repositories import Repositories
from workflows.sandbox import Sandbox


class LocalSandboxes(GitSandboxes):
    """The provider `local`, in the data folder."""

    name = "local"

    def __init__(
        self, *, data: Path, git: Git, repositories: Repositories, processes: Processes
    ) -> None:
        super().__init__(data, disk=LocalDisk(data / "trash"), git=git, repositories=repositories)
        self._processes = processes

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Child:
        return await self._processes.start(
            command,
            sandbox_id=sandbox.sandbox_id,
            cwd=await self._tree(sandbox),
            home=self._home(sandbox.task_id),
            env=env,
        )

    async def end_all(self, task_id: TaskId) -> None:
        await self._processes.end_all(self._sandbox_id(task_id))

    def _capture_folder(self, path: Path, tree: Path, objects: Path) -> LocalCaptureFolder:
        return LocalCaptureFolder(path, tree=tree, objects=objects)
