"""The bare repositories on a sandbox-agent server, used as those of this disk are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from events.ids import RepositoryId
from runtime.errors import Rejected
from workflows.git import RunsGit
from workflows.repositories import Known, Repositories
from workflows.repository import Repository
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_disk import SandboxAgentDisk
from workflows.sandbox_agent_git import SandboxAgentGit
from workflows.sandbox_agent_processes import SandboxAgentProcesses

NO_LOCK = -1
"""The folder on the server's machine is this worker's own, so a lock in its memory is enough."""


class SandboxAgentRepositories(Repositories):
    """`folder` and `local_root` are paths on the server's machine."""

    def __init__(
        self,
        api: SandboxAgentApi,
        disk: SandboxAgentDisk,
        git: SandboxAgentGit,
        processes: SandboxAgentProcesses,
        folder: Path,
        *,
        local_root: Path | None,
    ) -> None:
        super().__init__(git, folder, local_root=local_root)
        self._api = api
        self._disk = disk
        self._processes = processes

    @asynccontextmanager
    async def alone(self, repository_id: RepositoryId) -> AsyncIterator[Repository]:
        """The repository under its lock."""
        known = self._known.setdefault(repository_id, Known())
        async with known.lock:
            await self._processes.end_leftovers()
            path = self.path(repository_id)
            repository = _RemoteRepository(self._api, self._disk, self._git, path)
            yield await self._begun(known, repository)

    def _allow(self, remote_url: str) -> None:
        # A path means a place on that machine: only the words of it can be judged here.
        root = self._local_root
        path = Path(remote_url)
        if path.is_absolute() and (
            root is None or ".." in path.parts or not path.is_relative_to(root)
        ):
            raise Rejected(
                "This server takes no repository from that place on the sandbox's disk.",
                code="remote_forbidden",
            )


_REMOVE_LOCKS = """
find "$1" "$2" -path '*/objects/??' -prune -o '(' -name '*.lock' -o -name packed-refs.new ')' -type f -exec rm -f {} +
"""

_REMOVE_HALVES = """
find "$1/objects" -name 'tmp_*' -type f -exec rm -f {} +
"""

_UNLESS_TREES = """
[ -z "$(ls -A "$1/worktrees")" ] || exit 0
"""


class _RemoteRepository(Repository):
    def __init__(
        self, api: SandboxAgentApi, disk: SandboxAgentDisk, git: RunsGit, path: Path
    ) -> None:
        super().__init__(git, path, lock=NO_LOCK)
        self._api = api
        self._disk = disk

    async def begin(self) -> None:
        """Make the folders git needs there; called first under the lock."""
        await self._api.shell(*self._own.script)

    async def remove_left_locks(self) -> None:
        """Remove the lock files of killed git commands, also those in working trees, and what they had half written."""
        script = _REMOVE_LOCKS + _REMOVE_HALVES
        await self._api.shell(script, str(self.path), str(self._own.folder))

    async def _is_there(self, folder: Path) -> bool:
        return await self._disk.exists(folder)

    async def _read(self, file: Path) -> bytes:
        return await self._disk.read(file) or b""

    async def _drop_halves(self) -> None:
        await self._api.shell(_UNLESS_TREES + _REMOVE_HALVES, str(self.path))

    async def create(self, remote_url: str) -> None:
        """Make the repository; half a repository of an earlier attempt is completed."""
        if await self._disk.exists(self.path / "complete"):
            return
        await self._initialize(remote_url)
        await self._api.shell('touch "$1/complete"', str(self.path))
