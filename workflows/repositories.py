"""The repositories of this host, one bare copy for each remote; whoever changes one has it alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from events.ids import RepositoryId
from runtime.errors import Rejected
from workflows.folder_lock import folder_lock
from workflows.git import RunsGit
from workflows.id_paths import place_of
from workflows.local_remote import is_below
from workflows.own_settings import OwnSettings
from workflows.remote_heads import RemoteHeads
from workflows.repository import Repository


@dataclass
class Known:
    """What this process knows of a repository."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: bool = False
    heads: RemoteHeads | None = None
    looked_at: float = 0.0


class Repositories:
    """`folder` holds them; repositories of this disk are read below `local_root` only, without one not at all."""

    def __init__(self, git: RunsGit, folder: Path, *, local_root: Path | None) -> None:
        self._git = git
        self._folder = folder
        self._local_root = local_root
        self._known: dict[RepositoryId, Known] = {}

    def path(self, repository_id: RepositoryId) -> Path:
        return place_of(self._folder, repository_id, "repo")

    @asynccontextmanager
    async def alone(self, repository_id: RepositoryId) -> AsyncIterator[Repository]:
        """The repository under its lock. Inside, nobody else adds, removes or fetches, in no process."""
        path = self.path(repository_id)
        known = self._known.setdefault(repository_id, Known())
        async with known.lock, folder_lock(path.with_suffix(".lock")) as lock:
            yield await self._begun(known, Repository(self._git, path, lock=lock))

    async def unlock(self, repository_id: RepositoryId) -> None:
        """Remove the locks that an earlier life left in the way; called before anything runs in a working tree."""
        if not self._known.setdefault(repository_id, Known()).begun:
            async with self.alone(repository_id):
                pass

    @asynccontextmanager
    async def fresh(
        self, repository_id: RepositoryId, remote_url: str
    ) -> AsyncIterator[tuple[Repository, RemoteHeads]]:
        """The repository under its lock, with all the remote had when this was called.

        Of many who wait for the same repository one fetches for all. Raises `RemoteUnavailable`.
        """
        called_at = time.monotonic()
        self._allow(remote_url)
        async with self.alone(repository_id) as repository:
            known = self._known[repository_id]
            if known.heads is None or known.looked_at < called_at:
                await repository.create(remote_url)
                looking_at = time.monotonic()
                known.heads = await repository.fetch(remote_url)
                known.looked_at = looking_at
            yield repository, known.heads

    async def keeps(self, repository_id: RepositoryId, commit: str, *, besides: str) -> bool:
        """Whether a commit is here and on a branch or tag, of the remote too, or in the commit `besides`."""
        lost = await self._git.run(
            *("rev-list", "--max-count=1", commit, "--not", besides),
            *("--branches", "--remotes", "--tags"),
            folder=self.path(repository_id),
            env=OwnSettings(self.path(repository_id)).here,
            accept=(0, 128),
        )
        return lost.exit_code == 0 and not lost.output

    async def _begun(self, known: Known, repository: Repository) -> Repository:
        await repository.begin()
        if not known.begun:
            await repository.remove_left_locks()
            # Also in one that was made before its objects were kept.
            await repository.keep_objects()
            known.begun = True
        return repository

    def _allow(self, remote_url: str) -> None:
        if not remote_url.startswith("/"):
            return
        # Judged by where the path leads now: a link may have been put there since it was accepted.
        if self._local_root is None or not is_below(remote_url, self._local_root):
            raise Rejected(
                "This server takes no repository from that place on its own disk.",
                code="remote_forbidden",
            )
