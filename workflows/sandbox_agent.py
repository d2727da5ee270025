"""Sandboxes on a machine where a sandbox-agent server runs: everything there is done through its HTTP API."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from events.addresses import valid_branch
from events.ids import RepositoryId, SandboxId, TaskId, derive_id
from runtime.errors import Invalid, Rejected
from workflows.capture import Capturer
from workflows.repository import RemoteHeads, Repository
from workflows.sandbox import (
    Captured,
    Checkout,
    ExistingBranch,
    NewBranch,
    RemoteState,
    Running,
    Sandbox,
)
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_capture import SandboxAgentCaptureFolder
from workflows.sandbox_agent_git import SandboxAgentGit
from workflows.sandbox_agent_process import SandboxAgentProcess, end_processes_in
from workflows.sandbox_agent_repositories import SandboxAgentRepositories
from workflows.working_tree import base_of, catch_up, check_out, start_of

_HOME = """mkdir -p "$1/tmp" && printf '[user]\\n\\tname = Foundry agent\\n\\temail = agent@foundry.invalid\\n' > "$1/.gitconfig\""""

# Some tools make their caches read-only; what is in such a folder cannot be removed.
_REMOVE = """[ ! -e "$1" ] || { chmod -R u+rwX "$1"; rm -rf "$1"; }"""


class SandboxAgentSandboxes:
    """The provider `sandbox-agent`. `folder` lies over there and is this worker's own."""

    def __init__(self, api: SandboxAgentApi, *, folder: Path, local_root: Path | None) -> None:
        self._api = api
        self._trees = folder / "sandboxes"
        self._states = folder / "sandbox_state"
        self._git = SandboxAgentGit(api, home=folder / "git_home")
        self._repositories = SandboxAgentRepositories(
            api, self._git, folder / "repositories", local_root=local_root
        )
        self._capturers: dict[TaskId, Capturer] = {}

    @property
    def name(self) -> str:
        return "sandbox-agent"

    def allocate(self, *, task_id: TaskId, repository_id: RepositoryId) -> Sandbox:
        """Name the sandbox of a task, always the same, without making anything."""
        return Sandbox(
            sandbox_id=SandboxId(derive_id("sbx", self.name, task_id)),
            task_id=task_id,
            repository_id=repository_id,
            path=str(self._trees / task_id),
        )

    async def prepare(
        self, sandbox: Sandbox, *, remote_url: str, branch: NewBranch | ExistingBranch
    ) -> Checkout:
        """Check the branch out, or find it checked out by an earlier attempt. Raises as the local provider."""
        if not valid_branch(branch.name):
            raise Invalid(f"{branch.name!r} cannot be the name of a branch.")
        note = await self._note(sandbox.task_id)
        if note is not None and note.complete and await self._is_there(sandbox):
            return Checkout(branch=note.branch, base=note.base)
        await self._api.shell(_HOME, str(self._home(sandbox.task_id)))
        await self._api.shell('mkdir -p "$1"', str(self._trees))
        async with self._repositories.fresh(sandbox.repository_id, remote_url) as found:
            repository, heads = found
            # Half a working tree was never given to anybody: there is nothing of value in it.
            await self._api.shell(_REMOVE, sandbox.path)
            await repository.run("worktree", "prune", "--expire=now")
            note = await self._check_out(repository, heads, sandbox, branch, note)
        await self._write(msgspec.structs.replace(note, complete=True))
        return Checkout(branch=note.branch, base=note.base)

    async def release(self, task_id: TaskId, *, branch: Literal["keep", "delete"]) -> None:
        """End what runs in the sandbox and remove it with all that was not committed; its branch if so wished."""
        tree, state = str(self._trees / task_id), str(self._states / task_id)
        await end_processes_in(self._api, tree)
        note = await self._note(task_id)
        await self._api.shell(_REMOVE, tree, deadline=240)
        if note is not None:
            async with self._repositories.alone(note.sandbox.repository_id) as repository:
                await self._forget(repository, note, branch)
        await self._api.shell(_REMOVE, state)
        self._capturers.pop(task_id, None)

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Running:
        """Run a command in the working tree, with the sandbox's own home."""
        await self._must_be_there(sandbox)
        home = self._home(sandbox.task_id)
        given = {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "GIT_TERMINAL_PROMPT": "0",
            "TERM": "dumb",
            **(env or {}),
        }
        return await SandboxAgentProcess.start(self._api, command, cwd=sandbox.path, env=given)

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        """The state of the files against `base`; None if the tree is still `unless`."""
        await self._must_be_there(sandbox)
        capturer = self._capturers.get(sandbox.task_id)
        if capturer is None:
            tree = Path(sandbox.path)
            folder = SandboxAgentCaptureFolder(
                self._api,
                self._states / sandbox.task_id / "capture",
                tree=tree,
                objects=self._repositories.path(sandbox.repository_id) / "objects",
            )
            capturer = Capturer(self._git, tree=tree, folder=folder)
            self._capturers[sandbox.task_id] = capturer
        return await capturer.capture(base=base, unless=unless)

    async def sync(self, repository_id: RepositoryId, *, remote_url: str) -> RemoteState:
        """Look at the remote from over there. Raises `RemoteUnavailable`."""
        return await self._repositories.sync(repository_id, remote_url)

    def orphans(self, known: Collection[TaskId]) -> list[TaskId]:
        """None: a sandbox over there is named in its task's history before it is made, and another machine's disk is not for us to tidy."""
        return []

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
        note = _Note(
            sandbox=sandbox, branch=branch.name, base=base, made=isinstance(branch, NewBranch)
        )
        # Before the branch is there, so that after a crash it is known for this task's own.
        await self._write(note)
        if heads.tips:
            await repository.run("update-ref", _base_ref(sandbox.task_id), base)
        await check_out(repository, start, Path(sandbox.path))
        return note

    async def _forget(
        self, repository: Repository, note: "_Note", branch: Literal["keep", "delete"]
    ) -> None:
        if not await self._exists(str(repository.path / "complete")):
            return
        await repository.run("worktree", "unlock", note.sandbox.path, accept=(0, 128))
        await repository.run("worktree", "prune", "--expire=now")
        await repository.run("update-ref", "-d", _base_ref(note.sandbox.task_id))
        if branch == "delete" and note.branch not in await repository.checked_out():
            await repository.run("update-ref", "-d", f"refs/heads/{note.branch}")

    def _home(self, task_id: TaskId) -> Path:
        return self._states / task_id / "home"

    async def _exists(self, path: str) -> bool:
        return bool(await self._api.shell('[ ! -e "$1" ] || echo yes', path))

    async def _is_there(self, sandbox: Sandbox) -> bool:
        return await self._exists(f"{sandbox.path}/.git")

    async def _must_be_there(self, sandbox: Sandbox) -> None:
        if not await self._exists(sandbox.path):
            raise Rejected("The sandbox is not there (any more).", code="sandbox_gone")

    async def _note(self, task_id: TaskId) -> "_Note | None":
        file = str(self._states / task_id / "note.json")
        written = await self._api.shell('[ ! -e "$1" ] || cat "$1"', file)
        return msgspec.json.decode(written, type=_Note) if written else None

    async def _write(self, note: "_Note") -> None:
        file = self._states / note.sandbox.task_id / "note.json"
        await self._api.write(str(file), msgspec.json.encode(note))


class _Note(Struct, frozen=True, kw_only=True):
    """Stands beside each working tree and is written before it, as the local provider's."""

    sandbox: Sandbox
    branch: str
    base: str
    made: bool
    complete: bool = False


def _base_ref(task_id: TaskId) -> str:
    return f"refs/foundry/base/{task_id}"
