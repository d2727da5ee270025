"""Stacked branches moved in the repositories of this host: rebased apart, published together, then moved here.

A branch is here (a task made it), in the remote, or both. What is rebased is its newest state; the
remote's branch is moved only where there is one, the one here only where there is one.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec import Struct

from events.ids import RepositoryId, TaskId
from runtime.errors import Rejected
from workflows.remote_heads import RemoteHeads
from workflows.repositories import Repositories
from workflows.repository import Repository
from workflows.sandbox import BranchInUse
from workflows.scratch import Conflicting, Move
from workflows.stack_plan import Step
from workflows.working_tree import task_of

Steps = Callable[[set[str], str | None], list[Step]]
"""The steps, given all branches there are and the default branch."""


class Restacked(Struct, frozen=True, kw_only=True):
    """What became of a branch: `new` begins at `base`, the tip of `parent`."""

    branch: str
    parent: str
    base: str
    new: str
    here: str | None = None
    remote: str | None = None


class Stacks:
    """`in_turn` tells whether an agent is at work in a task: its branch is left alone then."""

    def __init__(
        self, repositories: Repositories, in_turn: Callable[[TaskId], Awaitable[bool]]
    ) -> None:
        self._repositories = repositories
        self._in_turn = in_turn

    async def rebase(
        self, repository_id: RepositoryId, *, remote_url: str, steps: Steps
    ) -> list[Restacked]:
        """Rebase without moving any branch; the commits wait in the repository.

        Raises `Conflicting`, `NoSuchBranch`, `RemoteUnavailable`, and `Rejected` for a branch that
        is being worked on or went different ways here and in the remote.
        """
        async with self._repositories.fresh(repository_id, remote_url) as (repository, heads):
            here = await repository.tips("refs/heads/")
            trees, held = await repository.checked_out(), await repository.held()
            done: dict[str, Restacked] = {}
            for step in steps({*here, *heads.tips}, heads.default_branch):
                tip = await self._newest(repository, heads, here, step.branch)
                onto = (
                    done[step.parent].new
                    if step.parent in done
                    else await self._newest(repository, heads, here, step.parent)
                )
                new = await self._rebased(repository, step, tip, onto)
                local = here.get(step.branch)
                if local is not None and new != local:
                    await self._check_still(repository, step.branch, trees, held)
                done[step.branch] = Restacked(
                    branch=step.branch,
                    parent=step.parent,
                    base=onto,
                    new=new,
                    here=local,
                    remote=heads.tips.get(step.branch),
                )
        return list(done.values())

    async def publish(
        self, repository_id: RepositoryId, *, remote_url: str, moved: Sequence[Restacked]
    ) -> None:
        """Move the remote's branches, all or none. Raises `PushRefused`, `RemoteUnavailable`, `Rejected`."""
        async with self._repositories.fresh(repository_id, remote_url) as (repository, heads):
            moves = []
            for one in moved:
                there = heads.tips.get(one.branch)
                if one.remote is None or there == one.new:
                    continue
                if there != one.remote:
                    raise Rejected(
                        f"Somebody else moved {one.branch} in the remote meanwhile; nothing was changed. Ask for it again.",
                        code="remote_moved",
                    )
                moves.append(Move(branch=one.branch, old=one.remote, new=one.new))
            if moves:
                await repository.push(remote_url, *moves)

    async def move(self, repository_id: RepositoryId, *, moved: Sequence[Restacked]) -> None:
        """Move the branches here, with the working trees they are checked out in. Raises `Rejected`."""
        async with self._repositories.alone(repository_id) as repository:
            here = await repository.tips("refs/heads/")
            trees, held = await repository.checked_out(), await repository.held()
            for one in moved:
                tip = here.get(one.branch)
                if one.here is None or tip is None or await repository.contains(tip, one.new):
                    continue
                if tip != one.here:
                    raise Rejected(
                        f"There are new commits on {one.branch}; rebase them onto {one.new[:12]} in its sandbox.",
                        code="branch_moved",
                    )
                await self._check_still(repository, one.branch, trees, held)
                if one.branch in trees:
                    await repository.run_in(
                        trees[one.branch], "reset", "--quiet", "--keep", one.new
                    )
                else:
                    await repository.run("update-ref", f"refs/heads/{one.branch}", one.new, tip)

    async def _rebased(self, repository: Repository, step: Step, tip: str, onto: str) -> str:
        if await repository.contains(tip, onto):
            return tip
        base = step.base
        if (
            base is None
            or not await repository.has(base)
            or not await repository.contains(tip, base)
        ):
            base = await repository.merge_base(tip, onto)
        if base is None:
            raise Rejected(
                f"{step.branch} and {step.parent} have no commit in common.", code="unrelated"
            )
        new, conflicts = await repository.apart().rebase(tip, base=base, onto=onto)
        if conflicts:
            raise Conflicting(
                f"{step.branch} cannot be rebased onto {step.parent}: conflicts", conflicts
            )
        return new

    async def _newest(
        self, repository: Repository, heads: RemoteHeads, here: dict[str, str], branch: str
    ) -> str:
        local, remote = here.get(branch), heads.tips.get(branch)
        if local is None or remote is None or local == remote:
            tip = local or remote
            assert tip is not None
            return tip
        if await repository.contains(local, remote):
            return local
        if await repository.contains(remote, local):
            return remote
        raise Rejected(
            f"{branch} and the remote's branch of that name have diverged. Merge the two in its sandbox and push, then ask for it again.",
            code="branch_diverged",
        )

    async def _check_still(
        self, repository: Repository, branch: str, trees: dict[str, Path], held: dict[str, Path]
    ) -> None:
        if (tree := trees.get(branch) or held.get(branch)) is None:
            return
        if await self._in_turn(task_id := task_of(tree)):
            raise Rejected(
                f"An agent is at work on {branch} ({task_id}); wait for the end of its turn.",
                code="turn_running",
            )
        if branch in held:
            raise BranchInUse(
                f"{task_id} is in the middle of a rebase or bisect of {branch}; end or abort that there first."
            )
        # Looking into a repository inside would run what its settings name.
        changed = await repository.run_in(
            *(tree, "status", "--porcelain", "-z"),
            *("--untracked-files=no", "--ignore-submodules=dirty"),
        )
        if changed.output:
            raise Rejected(
                f"{task_id} has changes on {branch} that are not committed; commit or revert them first.",
                code="uncommitted_work",
            )
