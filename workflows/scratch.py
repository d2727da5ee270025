"""Merges, rebases and pushes of a repository's commits, where nothing an agent wrote down takes part.

Working trees share the settings of their repository, and an agent may have written programs into
them (merge drivers, filters, helpers). So git works here in a folder of its own, only the objects
are the repository's.
"""

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from runtime.errors import Rejected
from workflows.git import Finished, GitFailed, RunsGit
from workflows.git_complaints import lines_of
from workflows.git_lanes import DISK, Lane, lane_to
from workflows.remote_words import unwritable

PUSH_SECONDS = 240.0
REBASE_SECONDS = 240.0


class Move(Struct, frozen=True, kw_only=True):
    """A branch goes from one commit to another; `old` is None for one that is not there yet."""

    branch: str
    old: str | None
    new: str


class PushRefused(Rejected):
    """The remote was reached and did not take the branch."""

    default_code = "push_refused"


class Conflicting(Rejected):
    """Two lines of work changed the same places: `files` names them."""

    default_code = "merge_conflict"

    def __init__(self, detail: str, files: Sequence[str]) -> None:
        shown = ", ".join(files[:SHOWN_FILES])
        more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
        super().__init__(f"{detail} in {shown}{more}. Nothing was changed.")
        self.files = tuple(files)


SHOWN_FILES = 20


class Scratch:
    """`folder` is git's own, `objects` the repository's; `lock` is held by each command too."""

    def __init__(
        self, git: RunsGit, folder: Path, *, objects: Path, lock: int | None = None
    ) -> None:
        self._git = git
        self._folder = folder
        self._objects = objects
        self._keep_open = () if lock is None else (lock,)

    async def merged_tree(self, one: str, other: str) -> tuple[str, list[str]]:
        """The tree of a merge of two commits, and the files in which they conflict."""
        merged = await self._run(
            *("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", one, other),
            accept=(0, 1),
        )
        tree, *files = _text(merged.output).split("\0")
        return tree, sorted({file for file in files if file})

    async def commit(self, tree: str, *parents: str, message: str) -> str:
        """Make a commit that is on no branch yet; its id."""
        given = [part for parent in parents for part in ("-p", parent)]
        made = await self._run("commit-tree", tree, *given, "-F", "-", stdin=message.encode())
        return _text(made.output).strip()

    async def rebase(self, tip: str, *, base: str, onto: str) -> tuple[str, list[str]]:
        """The commits from `base` to `tip` again on top of `onto`: the last one, or the files that conflict."""
        try:
            self._begin_tree()
            await self._run("checkout", "--quiet", "--force", "--detach", tip)
            done = await self._run(
                "rebase", "--quiet", "--onto", onto, base, accept=(0, 1), deadline=REBASE_SECONDS
            )
            if done.exit_code == 0:
                return _text((await self._run("rev-parse", "HEAD")).output).strip(), []
            listed = await self._run("diff", "--name-only", "--diff-filter=U", "-z")
            files = sorted({file for file in _text(listed.output).split("\0") if file})
            if not files:
                raise GitFailed("git rebase stopped without naming a conflict.", exit_code=1)
            return tip, files
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def push(self, remote_url: str, moves: Sequence[Move]) -> None:
        """Have the remote move branches, all or none, and only if they are still at `old`.

        Raises `PushRefused` with the remote's reason, `RemoteUnavailable`.
        """
        leases = [f"--force-with-lease=refs/heads/{one.branch}:{one.old or ''}" for one in moves]
        atomic = ["--atomic"] if len(moves) > 1 else []
        try:
            pushed = await self._run(
                *("push", "--porcelain", "--no-verify", "--recurse-submodules=no", *atomic),
                *(*leases, "--", remote_url),
                *(f"{one.new}:refs/heads/{one.branch}" for one in moves),
                accept=(0, 1),
                deadline=PUSH_SECONDS,
                lane=lane_to(remote_url),
            )
        except GitFailed as error:
            raise unwritable(remote_url, error) from None
        if pushed.exit_code != 0:
            said = words_of_remote(pushed.complaints)
            raise PushRefused(
                f"The remote did not take {refusals(_text(pushed.output))}."
                + (f" It says: {said}" if said else "")
            )

    def _begin_tree(self) -> None:
        # Under the repository's lock nobody else is here: what lies around is a crash's.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._make()
        (self._folder / "tree").mkdir()

    def _make(self) -> None:
        folder = self._folder / "git"
        if not (folder / "HEAD").exists():
            (folder / "refs").mkdir(parents=True, exist_ok=True)
            (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n")
            (folder / "HEAD").write_text("ref: refs/heads/none\n")

    async def _run(
        self,
        *args: str,
        accept: tuple[int, ...] = (0,),
        stdin: bytes = b"",
        deadline: float = 120.0,
        lane: Lane = DISK,
    ) -> Finished:
        self._make()
        tree = self._folder / "tree"
        return await self._git.run(
            *args,
            folder=tree if tree.exists() else self._folder,
            env={
                "GIT_DIR": str(self._folder / "git"),
                "GIT_WORK_TREE": str(tree),
                "GIT_OBJECT_DIRECTORY": str(self._objects),
                # Where the history of these objects ends, if it does before its beginning.
                "GIT_SHALLOW_FILE": str(self._objects.with_name("shallow")),
            },
            config=_CONFIG,
            accept=accept,
            stdin=stdin,
            deadline=deadline,
            lane=lane,
            keep_open=self._keep_open,
        )


def refusals(porcelain: str) -> str:
    """The branches that `git push --porcelain` says were not taken, each with the reason in its words."""
    refused = []
    for line in porcelain.split("\n"):
        flag, _, rest = line.partition("\t")
        names, _, summary = rest.partition("\t")
        if flag.strip() == "!":
            branch = names.rpartition(":refs/heads/")[2]
            reason = re.search(r"\((.*)\)$", summary)
            refused.append(f"{branch}: {reason[1] if reason else summary}")
    return "; ".join(refused) or "the branch and gave no reason"


def words_of_remote(complaints: bytes) -> str:
    """What the remote's own hooks and rules said to a push, one after the other; where it counted objects is not told."""
    said = (line.removeprefix(_REMOTE) for line in lines_of(complaints) if line.startswith(_REMOTE))
    # Git rewrites the line in which something advances.
    words = [line.strip() for line in said if "\r" not in line]
    return " ".join(dict.fromkeys(filter(None, words)))[:WORDS_LENGTH]


WORDS_LENGTH = 1500

_REMOTE = "remote: "
_CONFIG = (
    "user.name=Foundry",
    "user.email=foundry@foundry.invalid",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.editor=true",
    "merge.renames=true",
)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")
