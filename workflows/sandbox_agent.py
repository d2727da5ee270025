"""Sandboxes on a machine where a sandbox-agent server runs: everything there is done through its HTTP API."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from events.ids import TaskId
from workflows.git_sandboxes import GitSandboxes
from workflows.sandbox import Sandbox
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_capture import SandboxAgentCaptureFolder
from workflows.sandbox_agent_disk import SandboxAgentDisk
from workflows.sandbox_agent_git import SandboxAgentGit
from workflows.sandbox_agent_process import SandboxAgentProcess, WhenLost
from workflows.sandbox_agent_processes import SandboxAgentProcesses
from workflows.sandbox_agent_repositories import SandboxAgentRepositories


class SandboxAgentSandboxes(GitSandboxes):
    """The provider `sandbox-agent`. `folder` is a folder on the server's machine that only this worker uses."""

    name = "sandbox-agent"

    def __init__(self, api: SandboxAgentApi, *, folder: Path, local_root: Path | None) -> None:
        self._api = api
        self._processes = SandboxAgentProcesses(api, owner=folder)
        disk = SandboxAgentDisk(api, folder / "trash")
        self.scratch = disk.scratch
        git = SandboxAgentGit(api, self._processes, home=folder / "git_home", scratch=disk.scratch)
        super().__init__(
            folder,
            disk=disk,
            git=git,
            repositories=SandboxAgentRepositories(
                api, disk, git, self._processes, folder / "repositories", local_root=local_root
            ),
        )

    async def start(
        self,
        sandbox: Sandbox,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        pass_on: Collection[str] = (),
        when_lost: WhenLost = "go on",
    ) -> SandboxAgentProcess:
        """Run a command in the working tree; `pass_on` names what it gets of the server's environment."""
        return await self._processes.start(
            command,
            sandbox_id=sandbox.sandbox_id,
            cwd=await self._tree(sandbox),
            home=self._home(sandbox.task_id),
            env=env,
            pass_on=pass_on,
            when_lost=when_lost,
        )

    async def end_all(self, task_id: TaskId) -> None:
        await self._processes.end_all(self._sandbox_id(task_id))

    async def tidy(self) -> None:
        """End what an earlier life of this worker left running there, and remove what it left lying."""
        await self._processes.end_leftovers()
        await super().tidy()

    def _capture_folder(self, path: Path, tree: Path, objects: Path) -> SandboxAgentCaptureFolder:
        return SandboxAgentCaptureFolder(self._api, path, tree=tree, objects=objects)
