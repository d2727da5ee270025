"""What the remotes of this host's repositories have: their branches, and how those stand to the default one."""

import time
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from events.ids import RepositoryId
from events.repository import Branch
from workflows.git import Git, GitFailed
from workflows.own_settings import OwnSettings
from workflows.remote_heads import RemoteHeads
from workflows.repositories import Repositories
from workflows.repository import ORIGIN
from workflows.scratch import Scratch

CONFLICT_SECONDS = 10.0
"""A sync looks for conflicts for this long; whether the branches after that conflict is left unsaid."""

COMPARED_BRANCHES = 50
"""This many of the newest branches are counted ahead and behind: that takes git 5 ms and more for each."""

BRANCHES_BYTES = 640 << 10
"""All branches of a remote are one fact, which is at most this long."""

BRANCH_BYTES = 64
"""What a branch takes of that besides its name; the few that are compared take some more."""


class RemoteState(Struct, frozen=True, kw_only=True):
    """The branches of a remote; no default branch means that it has no commit yet.

    Of very many branches some are left out: `left_out` counts them.
    """

    default_branch: str | None
    branches: tuple[Branch, ...]
    left_out: int = 0


class Remotes:
    def __init__(self, git: Git, repositories: Repositories) -> None:
        self._git = git
        self._repositories = repositories

    async def state(self, repository_id: RepositoryId, remote_url: str) -> RemoteState:
        """Its branches, by name, looked at now; those changed last are compared with the default branch.

        Of very many some are left out, see `listed_branches`. Raises `RemoteUnavailable`.
        """
        async with self._repositories.fresh(repository_id, remote_url) as (repository, heads):
            newest = await repository.tips(ORIGIN)
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
            if ahead and behind and default is not None and time.monotonic() < until:
                conflicts = await self._conflicting(repository_id, heads.tips[default], sha)
            branches.append(
                Branch(name=name, sha=sha, ahead=ahead, behind=behind, conflicts=conflicts)
            )
        return RemoteState(
            default_branch=default,
            branches=tuple(branches),
            left_out=len(heads.tips) - len(branches),
        )

    async def _compared(self, repository_id: RepositoryId, one: str, other: str) -> tuple[int, int]:
        if one == other:
            return 0, 0
        folder = self._repositories.path(repository_id)
        counted = await self._git.run(
            *("rev-list", "--count", "--left-right", f"{one}...{other}"),
            folder=folder,
            env=OwnSettings(folder).here,
        )
        left, right = counted.output.split()
        return int(left), int(right)

    async def _conflicting(self, repository_id: RepositoryId, one: str, other: str) -> bool | None:
        folder = self._repositories.path(repository_id)
        scratch = Scratch(self._git, folder.parent / "compared", objects=folder / "objects")
        try:
            return bool((await scratch.merged_tree(one, other))[1])
        except GitFailed:
            # Branches without a commit in common cannot be merged at all.
            return None


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
