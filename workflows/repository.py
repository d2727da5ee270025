"""One bare copy of a remote on this host, as long as its lock is held: fetched, asked, changed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workflows.git import DEADLINE, Finished, GitFailed, RunsGit
from workflows.git_lanes import DISK, Lane, lane_to
from workflows.missing_commits import forget_what_is_missing
from workflows.own_settings import OwnSettings
from workflows.remote_heads import RemoteHeads, heads_listed, is_text
from workflows.remote_words import copy_to_blame, remote_to_blame
from workflows.scratch import Move, Scratch
from workflows.unfinished import held_by

FETCH_SECONDS = 240.0
LOOK_SECONDS = 60.0

SEEN_TIPS = 500
"""So many of the places a remote's branch was at are looked through."""

READ_BYTES = 1 << 20
"""So much is read of a file in which git keeps a few names."""

ORIGIN = "refs/remotes/origin/"
_PRECIOUS = "extensions.preciousObjects"
_HALVES = ("objects/pack/tmp_*", "objects/??/tmp_obj_*")
_LOCKS = ("*.lock", "packed-refs.new", "objects/*.lock", "refs/**/*.lock", "worktrees/*/*.lock")


class Repository:
    """Git in one bare repository. Each command also holds the lock, should it outlive this process."""

    def __init__(self, git: RunsGit, path: Path, *, lock: int) -> None:
        self.path = path
        self._git = git
        self._lock = lock
        self._own = OwnSettings(path)

    async def run(
        self,
        *args: str,
        config: Sequence[str] = (),
        accept: Sequence[int] = (0,),
        stdin: bytes = b"",
        deadline: float = DEADLINE,
        lane: Lane = DISK,
    ) -> Finished:
        """Run git here, under settings no agent wrote. Raises `GitFailed`."""
        return await self._git.run(
            *args,
            folder=self.path,
            env=self._own.here,
            config=config,
            accept=accept,
            stdin=stdin,
            deadline=deadline,
            lane=lane,
            keep_open=(self._lock,),
        )

    async def run_in(self, tree: Path, *args: str, deadline: float = DEADLINE) -> Finished:
        """Run git in a working tree, under the same settings. Raises `GitFailed`."""
        return await self._git.run(
            *args, folder=tree, env=self._own.in_tree, deadline=deadline, keep_open=(self._lock,)
        )

    async def begin(self) -> None:
        """Make the folders git needs here; called first under the lock."""
        self._own.make()

    async def create(self, remote_url: str) -> None:
        """Make the repository; half a repository of an earlier attempt is completed."""
        complete = self.path / "complete"
        if complete.exists():
            return
        await self._initialize(remote_url)
        complete.touch()

    async def _initialize(self, remote_url: str) -> None:
        # These settings are those of the agents; what is done from here has others.
        await self._for_agents("init", "--quiet", "--bare", "--template=")
        # Not a mirror: pruning one deletes the branches of the tasks with everything not pushed.
        for name, value in (
            ("remote.origin.url", remote_url),
            ("remote.origin.fetch", f"+refs/heads/*:{ORIGIN}*"),
            ("core.logAllRefUpdates", "true"),
        ):
            await self._for_agents("config", "--replace-all", name, value)
        await self.keep_objects()

    async def keep_objects(self) -> None:
        """Have the agents' git throw away no objects: those that a fetch, or another task's commit, is about to put on a branch are in no use yet."""
        # Some code other than 0: it is not there yet, or the disk is full, and nobody's work is to wait for this.
        kept = await self._for_agents("config", _PRECIOUS, accept=(0, 1, 128))
        if kept.output != b"true\n":
            await self._for_agents("config", "--replace-all", _PRECIOUS, "true", accept=range(256))

    async def _for_agents(self, *args: str, accept: Sequence[int] = (0,)) -> Finished:
        return await self._git.run(*args, folder=self.path, accept=accept, keep_open=(self._lock,))

    async def fetch(self, remote_url: str) -> RemoteHeads:
        """Bring the remote's branches here, as far as they are not. Raises `RemoteUnavailable`, `Rejected`, `GitFailed`."""
        with remote_to_blame(remote_url):
            heads = await self._look(remote_url)
        with copy_to_blame(self.path):
            try:
                tips, pointed_at = await self._references(ORIGIN)
            except GitFailed:
                # An agent's `git gc --prune=now` takes along what is being fetched, and its branch points nowhere.
                await forget_what_is_missing(self.run, ORIGIN)
                await self._fetch(remote_url)
                tips, pointed_at = await self._references(ORIGIN)
        if tips != heads.tips:
            with remote_to_blame(remote_url):
                await self._fetch(remote_url)
        if heads.default_branch is not None:
            target = f"{ORIGIN}{heads.default_branch}"
            if pointed_at != {"HEAD": target}:
                await self.run("symbolic-ref", f"{ORIGIN}HEAD", target)
        return heads

    async def tips(self, prefix: str) -> dict[str, str]:
        """The commits of all references below `prefix`, newest first, by their names without it."""
        return (await self._references(prefix))[0]

    async def checked_out(self) -> dict[str, Path]:
        """The branches that working trees have checked out, also those without a commit yet."""
        branches: dict[str, Path] = {}
        for folder, about in await self._working_trees():
            if "prunable" in about and await self._is_there(folder.parent):
                # A tree that is gone would keep its branch for ever. One whose folder is gone as well is out of sight:
                # on a disk that is not there now, or moved. What is staged and checked out in it is not forgotten.
                remove = ("worktree", "remove", "--force", str(folder))
                # Only its link to here is gone, not the tree: git says 128.
                if (await self.run(*remove, accept=(0, 128))).exit_code == 0:
                    continue
            if is_text(branch := about.get("branch", "")) and branch:
                branches[branch.removeprefix("refs/heads/")] = folder
        return branches

    async def held(self) -> dict[str, Path]:
        """The branches to which a rebase or a bisect that has not ended goes back, with the working tree that does."""
        trees = [folder for folder, about in await self._working_trees() if "detached" in about]
        return {name: tree for tree in trees for name in await held_by(tree, self.path, self._read)}

    async def forget_trees_in(self, folder: Path) -> None:
        """Forget working trees that somebody made in a folder that is gone or goes: they would keep their branches for ever."""
        for tree, _ in await self._working_trees():
            if tree != folder and tree.is_relative_to(folder):
                # Twice, also if it is locked. 128: there is another thing at its place.
                remove = ("worktree", "remove", "--force", "--force", str(tree))
                await self.run(*remove, accept=(0, 128))

    async def merge_base(self, one: str, other: str) -> str | None:
        """The commit two others have in common."""
        found = await self.run("merge-base", one, other, accept=(0, 1))
        return _text(found.output).strip() or None

    async def has(self, commit: str) -> bool:
        """Whether a commit is here."""
        looked = await self.run("cat-file", "-e", f"{commit}^{{commit}}", accept=(0, 1, 128))
        return looked.exit_code == 0

    async def contains(self, commit: str, older: str) -> bool:
        """Whether everything of an older commit is in another."""
        return await self.merge_base(commit, older) == older

    async def reaches(self, commit: str) -> bool:
        """Whether a branch of the remote contains a commit, as far as is known here."""
        looked = await self.run(
            *("for-each-ref", "--count=1", f"--contains={commit}", ORIGIN),
            accept=(0, 128, 129),
        )
        return bool(looked.output)

    async def was_remotes(self, branch: str, commit: str) -> bool:
        """Whether the remote's branch once had everything of a commit, as far as was seen here and is remembered."""
        # 128: nothing is.
        seen = await self.run(
            *("log", "--walk-reflogs", f"--max-count={SEEN_TIPS}", "--format=%H"),
            *(f"{ORIGIN}{branch}", "--"),
            accept=(0, 128),
        )
        if not (tips := _text(seen.output).split()):
            return False
        own = await self.run(
            "rev-list", "--max-count=1", commit, "--not", *dict.fromkeys(tips), accept=(0, 128)
        )
        return own.exit_code == 0 and not own.output

    async def bundle(self, branch: str, *, into: Path, without: Sequence[str]) -> None:
        """Write the commits of a branch to a file, without those that some others contain."""
        await self.run(
            *("bundle", "create", "--quiet", str(into), f"refs/heads/{branch}"),
            *("--not", *without),
            deadline=FETCH_SECONDS,
        )

    async def unbundle(self, branch: str, file: Path) -> str:
        """Take the commits of a branch from such a file; its tip. No branch here has them."""
        listed = await self.run("ls-remote", "--", str(file), f"refs/heads/{branch}")
        await self.run(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--", str(file), f"refs/heads/{branch}"),
            deadline=FETCH_SECONDS,
        )
        return _text(listed.output).partition("\t")[0]

    def apart(self) -> Scratch:
        """Git on these objects, without anything an agent wrote into the settings here."""
        folder = self.path.with_name(f"{self.path.name}.scratch")
        return Scratch(self._git, folder, objects=self.path / "objects", lock=self._lock)

    async def push(self, remote_url: str, *moves: Move) -> None:
        """Move branches of the remote, and what is known of them here. Raises `PushRefused`, `RemoteUnavailable`."""
        await self.apart().push(remote_url, moves)
        for move in moves:
            await self.run("update-ref", f"{ORIGIN}{move.branch}", move.new)

    async def remove_left_locks(self) -> None:
        """Remove the lock files of killed git commands, also those in working trees, and what they had half written.

        `packed-refs.new` is in their way as well: git makes it beside the lock, and only where there is none.
        Only before anything runs there in this life, and when what an earlier one left running has ended.
        """
        for folder, patterns in ((self.path, (*_LOCKS, *_HALVES)), (self._own.folder, _LOCKS[:1])):
            await asyncio.to_thread(_remove, folder, patterns)

    async def _references(self, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
        """The commits of references, newest first, and where the symbolic ones among them point."""
        form = "--format=%(objectname) %(symref) %(refname)"
        listed = await self.run("for-each-ref", "--sort=-committerdate", form, prefix)
        tips: dict[str, str] = {}
        pointers: dict[str, str] = {}
        for line in _text(listed.output).split("\n"):
            sha, pointed_at, name = [*line.split(" ", 2), "", ""][:3]
            if name and pointed_at:
                pointers[name.removeprefix(prefix)] = pointed_at
            elif name and is_text(name):
                tips[name.removeprefix(prefix)] = sha
        return tips, pointers

    async def _working_trees(self) -> list[tuple[Path, dict[str, str]]]:
        """Where each is, and what git says about it, by its words."""
        listed = await self.run("worktree", "list", "--porcelain", "-z")
        trees = []
        for record in _text(listed.output).split("\0\0"):
            about = dict(line.partition(" ")[::2] for line in record.split("\0"))
            if "worktree" in about:
                trees.append((Path(about["worktree"]), about))
        return trees

    async def _is_there(self, folder: Path) -> bool:
        return folder.exists()

    async def _read(self, file: Path) -> bytes:
        # In a working tree it may be as an agent left it.
        with suppress(PermissionError):
            if file.is_file():
                with file.open("rb") as opened:
                    return opened.read(READ_BYTES)
        return b""

    async def _look(self, remote_url: str) -> RemoteHeads:
        listed = await self.run(
            *("ls-remote", "--symref", "--", remote_url, "HEAD", "refs/heads/*"),
            deadline=LOOK_SECONDS,
            lane=lane_to(remote_url),
        )
        return heads_listed(_text(listed.output))

    async def _drop_halves(self) -> None:
        """Remove what a fetch that did not end has left, as much as half a clone; not where an agent may write."""
        if not any((self.path / "worktrees").iterdir()):
            await asyncio.to_thread(_remove, self.path, _HALVES)

    async def _fetch(self, remote_url: str) -> None:
        try:
            await self._ask_for_all(remote_url)
        except BaseException:
            await self._drop_halves()
            raise

    async def _ask_for_all(self, remote_url: str) -> None:
        await self.run(
            # Of a remote that is a shallow clone itself git takes nothing else, and complains of nothing.
            *("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head"),
            *("--update-shallow", "--", remote_url, f"+refs/heads/*:{ORIGIN}*"),
            deadline=FETCH_SECONDS,
            lane=lane_to(remote_url),
        )


def _remove(folder: Path, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")
