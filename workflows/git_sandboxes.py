"""Sandboxes made with git: a working tree and a private home for each task, on this machine or another.

In `folder` lie `sandboxes` (the working trees), `sandbox_state` and `trash`.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from events.addresses import valid_branch
from events.ids import RepositoryId, SandboxId, TaskId, derive_id, is_id
from runtime.errors import Invalid, Rejected
from workflows.capture import CaptureFolder, Capturer
from workflows.disk import Disk
from workflows.git import RunsGit
from workflows.id_paths import place_of
from workflows.remote_heads import RemoteHeads
from workflows.repositories import Repositories
from workflows.repository import Repository
from workflows.sandbox import (
    AGENT_EMAIL,
    AGENT_NAME,
    Captured,
    Checkout,
    ExistingBranch,
    NewBranch,
    Running,
    Sandbox,
    Work,
)
from workflows.work_inside import kept_inside
from workflows.working_tree import SANDBOX_FOLDERS, base_of, catch_up, check_out, start_of

log = logging.getLogger(__name__)

_IDENTITY = f"[user]\n\tname = {AGENT_NAME}\n\temail = {AGENT_EMAIL}\n".encode()


class GitSandboxes(ABC):
    """What the providers have in common: all but how something is run in a sandbox."""

    name: str
    """The word for it in `task.create`."""

    def __init__(
        self, folder: Path, *, disk: Disk, git: RunsGit, repositories: Repositories
    ) -> None:
        self.repositories = repositories
        """Those the sandboxes work in."""
        self._trees, self._states = (folder / name for name in SANDBOX_FOLDERS)
        self._disk = disk
        self._git = git
        self._capturers: dict[TaskId, Capturer] = {}

    def allocate(self, *, task_id: TaskId, repository_id: RepositoryId) -> Sandbox:
        """Name the sandbox of a task, always the same, without making anything."""
        return Sandbox(
            sandbox_id=self._sandbox_id(task_id),
            task_id=task_id,
            repository_id=repository_id,
            path=str(self._tree_of(task_id)),
        )

    def state_folder(self, task_id: TaskId) -> Path:
        """What belongs to a sandbox but not into its working tree: home, notes, logs."""
        return place_of(self._states, task_id, "task")

    async def note_branch(self, task_id: TaskId, branch: str) -> None:
        """The branch of a sandbox has another name now: the release must know."""
        note = await self._note(task_id)
        if note is not None and note.branch != branch:
            await self._write(msgspec.structs.replace(note, branch=branch))

    async def prepare(
        self, sandbox: Sandbox, *, remote_url: str, branch: NewBranch | ExistingBranch
    ) -> Checkout:
        """Check the branch out, or find it checked out by an earlier attempt.

        Raises `Invalid`, `BranchExists`, `BranchInUse`, `NoSuchBranch`, `RemoteUnavailable`, `GitFailed`, and `Rejected`
        (`sandbox_moved`).
        """
        if not valid_branch(branch.name):
            raise Invalid(f"{branch.name!r} cannot be the name of a branch.")
        await self._disk.make(self._trees)
        tree = await self._place(sandbox)
        note = await self._note(sandbox.task_id)
        if note is not None and note.complete and await self._disk.exists(tree / ".git"):
            return Checkout(branch=note.branch, base=note.base)
        await self._make_home(sandbox.task_id)
        async with self.repositories.fresh(sandbox.repository_id, remote_url) as found:
            repository, heads = found
            # Half a working tree was never given to anybody: there is nothing of value in it.
            await self._disk.throw_away(tree)
            if note is not None:
                # A git that was killed while it made the tree has left it locked. Not locked: git says 128.
                await repository.run("worktree", "unlock", str(tree), accept=(0, 128))
            note = await self._check_out(repository, heads, sandbox, branch, note)
        await self._write(msgspec.structs.replace(note, complete=True))
        return Checkout(branch=note.branch, base=note.base)

    async def release(
        self, task_id: TaskId, *, branch: Literal["keep", "delete"], work: Work | None = None
    ) -> None:
        """End what runs in the sandbox and remove it with all that was not committed; its branch if so wished."""
        await self.end_all(task_id)
        note = await self._note(task_id) or await self._note_of(task_id, work)
        if note is not None:
            async with self.repositories.alone(note.sandbox.repository_id) as repository:
                if await self._disk.exists(repository.path / "complete"):
                    await self._forget(repository, note, branch)
        await self._disk.throw_away(self._tree_of(task_id))
        await self._disk.throw_away(self.state_folder(task_id))
        self._capturers.pop(task_id, None)

    @abstractmethod
    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Running:
        """Run a command in the working tree, with the sandbox's own home."""

    @abstractmethod
    async def end_all(self, task_id: TaskId) -> None:
        """End everything that runs in the sandbox of a task, whoever started it."""

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        """The state of the files against `base`; None if the tree is still `unless`."""
        tree = await self._tree(sandbox)
        capturer = self._capturers.get(sandbox.task_id)
        if capturer is None:
            objects = self.repositories.path(sandbox.repository_id) / "objects"
            path = self.state_folder(sandbox.task_id) / "capture"
            capturer = Capturer(
                self._git, tree=tree, folder=self._capture_folder(path, tree, objects)
            )
            self._capturers[sandbox.task_id] = capturer
        return await capturer.capture(base=base, unless=unless)

    async def keeps(self, sandbox: Sandbox, commit: str, *, base: str) -> bool:
        """Whether a commit stays when the sandbox goes: the base, or on a branch or tag of its repository or the remote."""
        return await self.repositories.keeps(sandbox.repository_id, commit, besides=base)

    async def orphans(self, known: Collection[TaskId]) -> list[TaskId]:
        """Tasks that have something here but are not among the known; `release` removes it."""
        here = await self._disk.names(self._trees, self._states)
        # An agent may have made a working tree beside its own: that is no sandbox, and somebody's work.
        return sorted(TaskId(name) for name in here - set(known) if is_id(name, "task"))

    async def tidy(self) -> None:
        """Remove what a crash kept an earlier life from removing."""
        await self._disk.empty_trash()

    @abstractmethod
    def _capture_folder(self, path: Path, tree: Path, objects: Path) -> CaptureFolder: ...

    def _sandbox_id(self, task_id: TaskId) -> SandboxId:
        return SandboxId(derive_id("sbx", self.name, task_id))

    def _tree_of(self, task_id: TaskId) -> Path:
        return place_of(self._trees, task_id, "task")

    def _home(self, task_id: TaskId) -> Path:
        return self.state_folder(task_id) / "home"

    async def _tree(self, sandbox: Sandbox) -> Path:
        tree = await self._place(sandbox)
        if not await self._disk.exists(tree):
            raise Rejected("The sandbox is not there (any more).", code="sandbox_gone")
        await self.repositories.unlock(sandbox.repository_id)
        return tree

    async def _place(self, sandbox: Sandbox) -> Path:
        """Where the working tree belongs. In a copy of the folder that is a place in the original: not ours to touch."""
        tree, ours = Path(sandbox.path), self._tree_of(sandbox.task_id)
        here = tree.name == ours.name and await self._disk.same(tree.parent, self._trees)
        if tree != ours and not here:
            raise Rejected(
                f"The sandbox belongs at {tree}, and this worker has its sandboxes in {self._trees}: its data"
                " folder was moved or copied. Put it back at its old place, or leave a link there.",
                code="sandbox_moved",
            )
        return tree

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
                checked_out={**await repository.held(), **await repository.checked_out()},
            ),
            heads,
        )
        base = await base_of(repository, start, heads)
        made = isinstance(branch, NewBranch)
        note = _Note(sandbox=sandbox, branch=branch.name, base=base, made=made)
        # Before the branch is there, so that after a crash it is known for this task's own.
        await self._write(note)
        if heads.tips:
            # Whatever becomes of the branches, what the work is compared with stays.
            await repository.run("update-ref", _base_ref(sandbox.task_id), base)
        await check_out(repository, start, Path(sandbox.path))
        return note

    async def _forget(
        self, repository: Repository, note: "_Note", branch: Literal["keep", "delete"]
    ) -> None:
        goes = branch == "delete" and await self._is_its_own(repository, note)
        # A tree somebody locked would keep its branch for ever. Not locked, or not there: git says 128.
        await repository.run("worktree", "unlock", note.sandbox.path, accept=(0, 128))
        # Not the one of the note: in a copy of the folder that is the original's.
        await self._disk.throw_away(self._tree_of(note.sandbox.task_id))
        # What git keeps of it goes by the same name. `worktree prune` would go by the note's path, and take others along.
        await self._disk.throw_away(repository.path / "worktrees" / note.sandbox.task_id)
        for folder in (self._trees, self._states):
            await repository.forget_trees_in(folder / note.sandbox.task_id)
        await repository.run("update-ref", "-d", _base_ref(note.sandbox.task_id))
        used = {**await repository.held(), **await repository.checked_out()} if goes else {}
        if goes and note.branch not in used:
            await repository.run("update-ref", "-d", f"refs/heads/{note.branch}")
        if branch == "delete":
            await repository.run("update-ref", "-d", kept_inside(note.sandbox.task_id))

    async def _is_its_own(self, repository: Repository, note: "_Note") -> bool:
        """Whether all on the branch is the sandbox's: while that was on another one, a task may have taken it up and be archived."""
        books = repository.path / "worktrees" / note.sandbox.task_id
        head = await self._disk.read(books / "HEAD")
        been = await self._disk.read(books / "logs" / "HEAD") or b""
        tip = (await repository.tips(f"refs/heads/{note.branch}")).get("", note.base)
        # Without books an earlier attempt has looked.
        on_it = head in (None, f"ref: refs/heads/{note.branch}\n".encode())
        return on_it or tip == note.base or tip.encode() in been

    async def _make_home(self, task_id: TaskId) -> None:
        home = self._home(task_id)
        await self._disk.make(home / "tmp")
        await self._disk.write(home / ".gitconfig", _IDENTITY)

    async def _note(self, task_id: TaskId) -> "_Note | None":
        written = await self._disk.read(self.state_folder(task_id) / "note.json")
        if written is None:
            return None
        # An agent can write anything there, and nobody who removes its sandbox may be stopped by that, nor this host's start.
        try:
            note = msgspec.json.decode(written, type=_Note)
            if note.sandbox.task_id != task_id:
                raise ValueError(f"it is that of {note.sandbox.task_id}")
            if not is_id(note.sandbox.repository_id, "repo"):
                raise ValueError(f"{note.sandbox.repository_id!r} is no repository's id")
            return note
        except (ValueError, RecursionError) as error:
            log.warning("note cannot be read", extra={"task_id": task_id, "reason": str(error)})
            return None

    async def _note_of(self, task_id: TaskId, work: Work | None) -> "_Note | None":
        """In place of a note that cannot be read, while git still has the working tree in its books."""
        if work is None:
            return None
        repository = self.repositories.path(work.repository_id)
        if not await self._disk.exists(repository / "worktrees" / task_id):
            return None
        sandbox = self.allocate(task_id=task_id, repository_id=work.repository_id)
        return _Note(sandbox=sandbox, branch=work.branch, base="", made=False)

    async def _write(self, note: "_Note") -> None:
        file = self.state_folder(note.sandbox.task_id) / "note.json"
        await self._disk.write(file, msgspec.json.encode(note))


class _Note(Struct, frozen=True, kw_only=True):
    """Stands beside each working tree and is written before it: what a second attempt and the release must know.

    `made` says that the branch did not exist before, so that a second attempt knows it for its own.
    """

    sandbox: Sandbox
    branch: str
    base: str
    made: bool
    complete: bool = False


def _base_ref(task_id: TaskId) -> str:
    return f"refs/foundry/base/{task_id}"
