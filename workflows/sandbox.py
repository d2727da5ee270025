"""What a provider of sandboxes does, whichever machine they are on: everything may be asked for twice."""

import signal
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from msgspec import Struct

from events.ids import RepositoryId, SandboxId, TaskId
from events.task_files import TreeFile
from runtime.errors import Rejected, Unavailable

AGENT_NAME, AGENT_EMAIL = "Foundry agent", "agent@foundry.invalid"
"""Who commits in a sandbox, unless its agent says otherwise."""

T = TypeVar("T")


class Sandbox(Struct, frozen=True, kw_only=True):
    """Where the work of one task is done. `path` is its working tree."""

    sandbox_id: SandboxId
    task_id: TaskId
    repository_id: RepositoryId
    path: str


class NewBranch(Struct, frozen=True):
    """A branch of this name is to be made, from the tip of the remote's default branch."""

    name: str


class ExistingBranch(Struct, frozen=True):
    """The branch of this name is to be worked on, whether the remote has it or an earlier task left it."""

    name: str


class Checkout(Struct, frozen=True, kw_only=True):
    """What the working tree began with: `base` is a commit, or the empty tree in a repository without one."""

    branch: str
    base: str


class Work(Struct, frozen=True, kw_only=True):
    """What a task's history says of what is in its sandbox."""

    repository_id: RepositoryId
    branch: str


class CapturedFile(Struct, frozen=True, kw_only=True):
    """A file that differs from the base, its patch and new content in full if they are not too long.

    `source` is the path a renamed one had at the base.
    """

    path: str
    kind: Literal["added", "modified", "deleted", "renamed"]
    source: str | None = None
    added: int
    removed: int
    binary: bool = False
    patch: str | None = None
    content: bytes | None = None


class Captured(Struct, frozen=True, kw_only=True):
    """A working tree at one moment. The same `tree_id` means: nothing has changed.

    Of very many differences, and of a very large tree, only the first files are listed; `omitted` and `tree_omitted`
    count the others.
    """

    base: str
    tree_id: str
    files: tuple[CapturedFile, ...]
    tree: tuple[TreeFile, ...]
    omitted: int = 0
    tree_omitted: int = 0


class BranchExists(Rejected):
    """A new branch cannot have this name."""

    default_code = "branch_exists"


class BranchInUse(Rejected):
    """Another working tree has the branch checked out."""

    default_code = "branch_in_use"


class NoSuchBranch(Rejected):
    """Neither the remote nor this host has the branch."""

    default_code = "no_such_branch"


class RemoteUnavailable(Unavailable):
    """The remote repository cannot be read now."""

    default_code = "remote_unavailable"


class Input(Protocol):
    """The standard input of something that runs in a sandbox, in the words of `asyncio.StreamWriter`."""

    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


class Output(Protocol):
    """What something in a sandbox prints, in the words of `asyncio.StreamReader`."""

    async def read(self, n: int = -1, /) -> bytes:
        """Up to `n` bytes, as soon as there are any; all to the end if `n` is negative. Nothing means the end."""


class Running(Protocol):
    """What runs in a sandbox, with its three pipes, whichever machine it is on. What it prints has to be read."""

    @property
    def stdin(self) -> Input: ...

    @property
    def stdout(self) -> Output: ...

    @property
    def stderr(self) -> Output: ...

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and when it ended without one."""

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on to it."""

    async def wait(self) -> int | None:
        """The exit code, once it has ended."""

    async def stop(self) -> int | None:
        """End it and everything it started."""

    def close(self) -> None:
        """Let go of the pipes."""


class SandboxProvider(Protocol):
    """One kind of place for sandboxes: `local`, or another behind the same few verbs."""

    @property
    def name(self) -> str:
        """The word for it in `task.create`."""

    def allocate(self, *, task_id: TaskId, repository_id: RepositoryId) -> Sandbox:
        """Name the sandbox of a task, always the same, without making anything."""

    async def prepare(
        self, sandbox: Sandbox, *, remote_url: str, branch: NewBranch | ExistingBranch
    ) -> Checkout:
        """Check the branch out. Raises one of the errors above, or `workflows.git.GitFailed`."""

    async def release(
        self, task_id: TaskId, *, branch: Literal["keep", "delete"], work: Work | None = None
    ) -> None:
        """End what runs in the sandbox and remove it, with everything that was not committed.

        `work` counts where what the sandbox itself has written down cannot be read.
        """

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Running:
        """Run a command in the working tree."""

    async def capture(
        self, sandbox: Sandbox, *, base: str, unless: str | None = None
    ) -> Captured | None:
        """The state of the files against `base`; None if its tree is still `unless`."""

    async def keeps(self, sandbox: Sandbox, commit: str, *, base: str) -> bool:
        """Whether a commit stays when the sandbox goes: the base, or on a branch or tag of its repository or the remote."""

    async def orphans(self, known: Collection[TaskId]) -> list[TaskId]:
        """Tasks that have something there but are not among the known; `release` removes it."""

    async def tidy(self) -> None:
        """End and remove, at the start, what a crash kept an earlier life from ending or removing."""


def provider_named(name: str, known: Mapping[str, T]) -> T:
    """What this worker has for a provider. Raises `Rejected` when its settings do not name that one (any more)."""
    if name not in known:
        raise Rejected(
            f"This worker has no sandbox provider {name}; it has {', '.join(known)}.",
            code="provider_unknown",
        )
    return known[name]
