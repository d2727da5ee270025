"""Makes the working tree of a task: decides what its branch starts from, then has git check it out."""

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, assert_never

from msgspec import Struct

from events.ids import TaskId
from workflows.remote_heads import RemoteHeads
from workflows.repository import Repository
from workflows.sandbox import (
    BranchExists,
    BranchInUse,
    ExistingBranch,
    NewBranch,
    NoSuchBranch,
)

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git calls a tree without files: the base of work in a repository without a commit."""

FILL_SECONDS = 240.0

SANDBOX_FOLDERS = ("sandboxes", "sandbox_state")
"""Where a task's working tree and home lie, each in a folder named after it."""


class FromCommit(Struct, frozen=True):
    """The branch is made at a commit."""

    name: str
    commit: str


class FromBranch(Struct, frozen=True):
    """The branch is here already."""

    name: str
    commit: str


class FromNothing(Struct, frozen=True):
    """There is no commit yet: the branch begins with the first one made on it."""

    name: str


Start: TypeAlias = FromCommit | FromBranch | FromNothing


def start_of(
    wanted: NewBranch | ExistingBranch,
    *,
    ours: bool,
    heads: RemoteHeads,
    local: dict[str, str],
    checked_out: dict[str, Path],
) -> Start:
    """What the wanted branch starts from; pure.

    `ours` says that an earlier attempt for the same task made the branch. Raises `BranchExists`,
    `BranchInUse` or `NoSuchBranch`.
    """
    name = wanted.name
    match wanted:
        case NewBranch():
            if ours and name in local and name not in checked_out:
                return FromBranch(name, local[name])
            if (other := clash(name, {*local, *heads.tips, *checked_out})) is not None:
                instead = f" Or give {name} as `on_branch` to work on it." if name == other else ""
                raise BranchExists(clash_sentence(name, other) + instead)
            if heads.default_branch is None:
                return FromNothing(name)
            return FromCommit(name, heads.tips[heads.default_branch])
        case ExistingBranch():
            if (tree := checked_out.get(name)) is not None:
                if not (task_id := task_of(tree)).startswith("task_"):
                    raise BranchInUse(
                        f"An agent has the branch {name} checked out at {tree}, beside its task. Have one"
                        " `git worktree remove` that, or choose another branch."
                    )
                raise BranchInUse(
                    f"{task_id} works on the branch {name}. Archive that task first, or choose another branch."
                )
            if name in local:
                return FromBranch(name, local[name])
            if (other := clash(name, {*local, *checked_out})) is not None:
                raise BranchExists(clash_sentence(name, other))
            if name in heads.tips:
                return FromCommit(name, heads.tips[name])
            raise NoSuchBranch(
                f"There is no branch {name}, neither in the remote nor of an earlier task. Give it as `branch` to make it."
            )
        case _:
            assert_never(wanted)


def task_of(tree: Path) -> TaskId:
    """The task whose working tree this is, or in whose tree or home somebody made it."""
    inside = (name for folder, name in pairwise(tree.parts) if folder in SANDBOX_FOLDERS)
    return TaskId(next((name for name in inside if name.startswith("task_")), tree.name))


def clash(name: str, taken: Collection[str]) -> str | None:
    """The branch that keeps another of this name from being: the same, one below it, or one above."""
    parts = name.split("/")
    above = ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
    if (same := next((one for one in above if one in taken), None)) is not None:
        return same
    return next((one for one in sorted(taken) if one.startswith(f"{name}/")), None)


def clash_sentence(name: str, other: str) -> str:
    """Why a branch cannot have this name, and what to do."""
    if name == other:
        return f"The branch {name} exists already. Choose another name."
    return f"Git cannot have a branch {name} beside {other}. Choose another name."


async def check_out(repository: Repository, start: Start, tree: Path) -> None:
    """Make the working tree at an absolute path where nothing is yet."""
    match start:
        case FromCommit(name=name, commit=commit):
            # Not tracking: writing that down, git would clash with itself on the settings' lock.
            await _add(repository, "-b", name, "--no-track", "--", str(tree), commit)
            await _fill(repository, tree)
        case FromBranch(name=name):
            await _add(repository, "--", str(tree), name)
            await _fill(repository, tree)
        case FromNothing(name=name):
            await _begin(repository, name, tree)
        case _:
            assert_never(start)


async def catch_up(repository: Repository, start: Start, heads: RemoteHeads) -> Start:
    """Bring a branch that an earlier task left here up to the remote's, if it has nothing of its own.

    It is behind that, or all in it was the remote's before somebody rewrote the branch there.
    """
    tip = heads.tips.get(start.name)
    if not isinstance(start, FromBranch) or tip is None or tip == start.commit:
        return start
    if not (
        await repository.contains(tip, start.commit)
        or await repository.was_remotes(start.name, start.commit)
    ):
        return start
    await repository.run("update-ref", f"refs/heads/{start.name}", tip, start.commit)
    return FromBranch(start.name, tip)


async def base_of(repository: Repository, start: Start, heads: RemoteHeads) -> str:
    """The commit that work on an existing branch is compared with: where it left the default branch."""
    if isinstance(start, FromNothing):
        return EMPTY_TREE
    if heads.default_branch is None or start.commit == heads.tips[heads.default_branch]:
        return start.commit
    common = await repository.merge_base(start.commit, heads.tips[heads.default_branch])
    return common or start.commit


async def _add(repository: Repository, *args: str) -> None:
    # Git itself would fill the tree under the settings agents write.
    await repository.run("worktree", "add", "--quiet", "--no-checkout", *args)


async def _fill(repository: Repository, tree: Path) -> None:
    await repository.run_in(tree, "reset", "--quiet", "--hard", deadline=FILL_SECONDS)


async def _begin(repository: Repository, name: str, tree: Path) -> None:
    # `worktree add --orphan` came with git 2.42. Older ones need a commit to start from; nobody sees this one.
    empty = await repository.run("hash-object", "-t", "tree", "-w", "--stdin")
    who = ["user.name=Foundry", "user.email=foundry@foundry.invalid"]
    commit = await repository.run(
        "commit-tree", "-m", "empty", empty.output.decode().strip(), config=who
    )
    first = commit.output.decode().strip()
    await _add(repository, "--detach", "--", str(tree), first)
    await repository.run_in(tree, "symbolic-ref", "HEAD", f"refs/heads/{name}")
    await repository.run_in(tree, "read-tree", "--empty")
