"""Sandboxes on this machine: a git working tree and a private home for each task."""

import asyncio
import os
import shutil
import stat
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from events.addresses import valid_branch
from events.ids import RepositoryId, SandboxId, TaskId, derive_id
from runtime.errors import Invalid, Rejected
from workflows.capture import Capturer
from workflows.git import Git
from workflows.processes import Child, Processes
from workflows.repositories import Repositories
from workflows.repository import RemoteHeads, Repository
from workflows.sandbox import (
    Captured,
    Checkout,
    ExistingBranch,
    NewBranch,
    RemoteState,
    Sandbox,
)
from workflows.working_tree import base_of, catch_up, check_out, start_of

_IDENTITY = "[user]\n\tname = Foundry agent\n\temail = agent@foundry.invalid\n"


class LocalSandboxes:
    """The provider `local`. In `data` lie `repositories`, `sandboxes` (working trees), `sandbox_state` and `trash`."""

    def __init__(
        self, *, data: Path, git: Git, repositories: Repositories, processes: Processes
    ) -> None:
        self._trees = data / "sandboxes"
        self._states = data / "sandbox_state"
        self._trash = data / "trash"
        self._git = git
        self._repositories = repositories
        self._processes = processes
        self._capturers: dict[TaskId, Capturer] = {}
        for folder in (self._trees, self._states, self._trash):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        return "local"

    def allocate(self, *, task_id: TaskId, repository_id: RepositoryId) -> Sandbox:
        """Name the sandbox of a task, always the same, without making anything."""
        return Sandbox(
            sandbox_id=SandboxId(derive_id("sbx", self.name, task_id)),
            task_id=task_id,
            repository_id=repository_id,
            path=str(self._trees / task_id),
        )

    def state_folder(self, task_id: TaskId) -> Path:
        """What belongs to a sandbox but not into its working tree: home, notes, logs."""
        return self._states / task_id

    def note_branch(self, task_id: TaskId, branch: str) -> None:
        """The branch of a sandbox has another name now: the release must know."""
        note = self._note(task_id)
        if note is not None and note.branch != branch:
            self._write(msgspec.structs.replace(note, branch=branch))

    async def prepare(
        self, sandbox: Sandbox, *, remote_url: str, branch: NewBranch | ExistingBranch
    ) -> Checkout:
        """Check the branch out, or find it checked out by an earlier attempt.

        Raises `Invalid`, `BranchExists`, `BranchInUse`, `NoSuchBranch`, `RemoteUnavailable`, `GitFailed`.
        """
        if not valid_branch(branch.name):
            raise Invalid(f"{branch.name!r} cannot be the name of a branch.")
        tree = Path(sandbox.path)
        note = self._note(sandbox.task_id)
        if note is not None and note.complete and (tree / ".git").exists():
            return Checkout(branch=note.branch, base=note.base)
        self._make_home(sandbox.task_id)
        async with self._repositories.fresh(sandbox.repository_id, remote_url) as found:
            repository, heads = found
            # Half a working tree was never given to anybody: there is nothing of value in it.
            await self._throw_away(tree)
            await repository.run("worktree", "prune", "--expire=now")
            note = await self._check_out(repository, heads, sandbox, branch, note)
        self._write(msgspec.structs.replace(note, complete=True))
        return Checkout(branch=note.branch, base=note.base)

    async def release(self, task_id: TaskId, *, branch: Literal["keep", "delete"]) -> None:
        """End what runs in the sandbox and remove it with all that was not committed; its branch if so wished."""
        note = self._note(task_id)
        if note is not None:
            await self._processes.end_all(note.sandbox.sandbox_id)
            async with self._repositories.alone(note.sandbox.repository_id) as repository:
                await self._remove(repository, note, branch)
        await self._throw_away(self._trees / task_id)
        await self._throw_away(self.state_folder(task_id))
        self._capturers.pop(task_id, None)

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Child:
        """Run a command in the working tree, with the sandbox's own home."""
        return await self._processes.start(
            command,
            sandbox_id=sandbox.sandbox_id,
            cwd=_tree(sandbox),
            home=self.state_folder(sandbox.task_id) / "home",
            env=env,
        )

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        """The state of the files against `base`; None if the tree is still `unless`."""
        tree = _tree(sandbox)
        capturer = self._capturers.get(sandbox.task_id)
        if capturer is None:
            capturer = self._capturers[sandbox.task_id] = Capturer(
                self._git,
                tree=tree,
                folder=self.state_folder(sandbox.task_id) / "capture",
                objects=self._repositories.path(sandbox.repository_id) / "objects",
            )
        return await capturer.capture(base=base, unless=unless)

    async def sync(self, repository_id: RepositoryId, *, remote_url: str) -> RemoteState:
        """Look at the remote. Raises `RemoteUnavailable`."""
        return await self._repositories.sync(repository_id, remote_url)

    def orphans(self, known: Collection[TaskId]) -> list[TaskId]:
        """Tasks that have something here but are not among the known; `release` removes it."""
        here = {entry.name for folder in (self._trees, self._states) for entry in folder.iterdir()}
        return sorted(TaskId(name) for name in here - set(known))

    async def empty_trash(self) -> None:
        """Remove what a crash kept an earlier life from removing."""
        for left in list(self._trash.iterdir()):
            await asyncio.to_thread(_remove_folder, left)

    async def _check_out(
        self,
        repository: Repository,
        heads: RemoteHeads,
        sandbox: Sandbox,
        branch: NewBranch | ExistingBranch,
        before: "_Note | None",
    ) -> "_Note":
        start = await catch_up(
            repository,
            start_of(
                branch,
                ours=before is not None and before.made and before.branch == branch.name,
                heads=heads,
                local=await repository.tips("refs/heads/"),
                checked_out=await repository.checked_out(),
            ),
            heads,
        )
        base = await base_of(repository, start, heads)
        made = isinstance(branch, NewBranch)
        note = _Note(sandbox=sandbox, branch=branch.name, base=base, made=made)
        # Before the branch is there, so that after a crash it is known for this task's own.
        self._write(note)
        if heads.tips:
            # Whatever becomes of the branches, what the work is compared with stays.
            await repository.run("update-ref", _base_ref(sandbox.task_id), base)
        await check_out(repository, start, Path(sandbox.path))
        return note

    async def _remove(
        self, repository: Repository, note: "_Note", branch: Literal["keep", "delete"]
    ) -> None:
        tree = Path(note.sandbox.path)
        if not repository.path.exists():
            return
        if (tree / ".git").exists():
            # A tree somebody locked would keep its branch for ever. Not locked: git says 128.
            await repository.run("worktree", "unlock", str(tree), accept=(0, 128))
        await self._throw_away(tree)
        await repository.run("worktree", "prune", "--expire=now")
        await repository.run("update-ref", "-d", _base_ref(note.sandbox.task_id))
        if branch == "delete" and note.branch not in await repository.checked_out():
            await repository.run("update-ref", "-d", f"refs/heads/{note.branch}")

    def _make_home(self, task_id: TaskId) -> None:
        home = self.state_folder(task_id) / "home"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        (home / ".gitconfig").write_text(_IDENTITY)

    def _note(self, task_id: TaskId) -> "_Note | None":
        with suppress(FileNotFoundError):
            written = (self.state_folder(task_id) / "note.json").read_bytes()
            return msgspec.json.decode(written, type=_Note)
        return None

    def _write(self, note: "_Note") -> None:
        file = self.state_folder(note.sandbox.task_id) / "note.json"
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(note))
        new.replace(file)

    async def _throw_away(self, folder: Path) -> None:
        gone = self._set_aside(folder)
        if gone is not None:
            await asyncio.to_thread(_remove_folder, gone)

    def _set_aside(self, folder: Path) -> Path | None:
        # Out of the way at once, so that a crash leaves either all of it or nothing at its place.
        gone = self._trash / uuid.uuid4().hex
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return None
        return gone


class _Note(Struct, frozen=True, kw_only=True):
    """Stands beside each working tree and is written before it: what a second attempt and the release must know.

    `made` says that the branch did not exist before, so that a second attempt knows it for its own.
    """

    sandbox: Sandbox
    branch: str
    base: str
    made: bool
    complete: bool = False


def _tree(sandbox: Sandbox) -> Path:
    tree = Path(sandbox.path)
    if not tree.is_dir():
        raise Rejected("The sandbox is not there (any more).", code="sandbox_gone")
    return tree


def _base_ref(task_id: TaskId) -> str:
    return f"refs/foundry/base/{task_id}"


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    # Some tools make their caches read-only; what is in such a folder cannot be removed.
    for path, _, _ in os.walk(folder):
        os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
