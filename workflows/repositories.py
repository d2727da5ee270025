"""The repositories of this host, one bare copy for each remote; whoever changes one has it alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from events.ids import RepositoryId
from events.repository import Branch
from runtime.errors import Rejected
from workflows.folder_lock import folder_lock
from workflows.git import GitFailed, RunsGit
from workflows.local_remote import is_below
from workflows.own_settings import OwnSettings
from workflows.remote_heads import RemoteHeads
from workflows.repository import Repository
from workflows.sandbox import RemoteState
from workflows.scratch import Scratch

CONFLICT_SECONDS = 10.0
"""A sync looks for conflicts for this long; whether the branches after that conflict is left unsaid."""

COMPARED_BRANCHES = 50
"""This many of the newest branches are counted ahead and behind: that takes git 5 ms and more for each."""

BRANCHES_BYTES = 640 << 10
"""All branches of a remote are one fact, which is at most this long."""

BRANCH_BYTES = 64
"""What a branch takes of that besides its name; the few that are compared take some more."""


@dataclass
class Known:
    """What this process knows of a repository."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: bool = False
    heads: RemoteHeads | None = None
    looked_at: float = 0.0


class Repositories:
    """`folder` holds them; repositories of this disk are read below `local_root` only, without one not at all."""

    finds_conflicts = True
    """Whether a sync looks for branches that conflict; it works on this machine's disk for that."""

    def __init__(self, git: RunsGit, folder: Path, *, local_root: Path | None) -> None:
        self._git = git
        self._folder = folder
        self._local_root = local_root
        self._known: dict[RepositoryId, Known] = {}

    def path(self, repository_id: RepositoryId) -> Path:
        return self._folder / repository_id

    @asynccontextmanager
    async def alone(self, repository_id: RepositoryId) -> AsyncIterator[Repository]:
        """The repository under its lock. Inside, nobody else adds, removes or fetches, in no process."""
        known = self._known.setdefault(repository_id, Known())
        async with known.lock, folder_lock(self._folder / f"{repository_id}.lock") as lock:
            yield await self._begun(
                known, Repository(self._git, self.path(repository_id), lock=lock)
            )

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

    async def sync(self, repository_id: RepositoryId, remote_url: str) -> RemoteState:
        """The remote's branches, by name; those changed last are compared with the default branch.

        Of very many some are left out, see `listed_branches`.
        """
        async with self.fresh(repository_id, remote_url) as (repository, heads):
            newest = await repository.tips("refs/remotes/origin/")
            here = await repository.tips("refs/heads/")
        default = heads.default_branch
        listed = listed_branches(heads, here=here, newest=newest)
        compared = set(list(newest)[:COMPARED_BRANCHES]) if default is not None else set()
        branches: list[Branch] = []
        until = time.monotonic() + CONFLICT_SECONDS
        for name in sorted(listed):
            sha = heads.tips[name]
            ahead: int | None = None
            behind: int | None = None
            if default is not None and name in compared:
                behind, ahead = await self._compared(repository_id, heads.tips[default], sha)
            conflicts = False if 0 in (ahead, behind) else None
            looks = self.finds_conflicts and time.monotonic() < until
            if ahead and behind and default is not None and looks:
                conflicts = await self._conflicting(repository_id, heads.tips[default], sha)
            branches.append(
                Branch(name=name, sha=sha, ahead=ahead, behind=behind, conflicts=conflicts)
            )
        return RemoteState(
            default_branch=default,
            branches=tuple(branches),
            left_out=len(heads.tips) - len(branches),
        )

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

    async def _compared(self, repository_id: RepositoryId, one: str, other: str) -> tuple[int, int]:
        if one == other:
            return 0, 0
        counted = await self._git.run(
            *("rev-list", "--count", "--left-right", f"{one}...{other}"),
            folder=self.path(repository_id),
            env=OwnSettings(self.path(repository_id)).here,
        )
        left, right = counted.output.split()
        return int(left), int(right)

    async def _conflicting(self, repository_id: RepositoryId, one: str, other: str) -> bool | None:
        objects = self.path(repository_id) / "objects"
        scratch = Scratch(self._git, self._folder / "compared", objects=objects)
        try:
            return bool((await scratch.merged_tree(one, other))[1])
        except GitFailed:
            # Branches without a commit in common cannot be merged at all.
            return None

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


def listed_branches(heads: RemoteHeads, *, here: Iterable[str], newest: Iterable[str]) -> list[str]:
    """The branches of the remote that are listed: as many as fit into `BRANCHES_BYTES`.

    First the default branch, then those that tasks have `here`, then the `newest`.
    """
    default = [heads.default_branch] if heads.default_branch is not None else []
    listed: list[str] = []
    room = BRANCHES_BYTES
    for name in dict.fromkeys((*default, *here, *newest, *sorted(heads.tips))):
        if name in heads.tips:
            room -= len(msgspec.json.encode(name)) + BRANCH_BYTES
            if room < 0:
                break
            listed.append(name)
    return listed
