"""Git in a task's sandbox, run as the agent runs it: with its rights, its name and nothing of the worker's."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.errors import Rejected, Unavailable
from workflows.git_command import ceiling
from workflows.git_complaints import first_complaint
from workflows.output_tail import OutputTail, pump
from workflows.repository import ORIGIN
from workflows.sandbox import AGENT_EMAIL, AGENT_NAME, Sandbox, SandboxProvider
from workflows.scratch import Conflicting

DEADLINE = 120.0
OUTPUT_BYTES = 64 << 10

_KEPT_ON = "refs/worktree/foundry/kept-on"
"""Points at the branch on which `keep_all` commits; of this working tree alone, and goes with it."""

_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", AGENT_NAME), ("EMAIL", AGENT_EMAIL))
}

_GIT = (
    "git",
    "--literal-pathspecs",
    *("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.auto=0"),
    # Nobody is asked about line ends, and a title that begins with # is no comment.
    *("-c", "core.safecrlf=false", "-c", "commit.cleanup=whitespace"),
)


class SandboxGit:
    """Git in the working tree of one sandbox, or in a repository inside that."""

    def __init__(self, provider: SandboxProvider, sandbox: Sandbox, *, inside: str = ".") -> None:
        self._provider = provider
        self._sandbox = sandbox
        self._inside = inside

    def inside(self, path: str) -> "SandboxGit":
        """Git in a folder of the working tree, which may be a repository of its own."""
        return SandboxGit(self._provider, self._sandbox, inside=path)

    async def has_uncommitted(self) -> bool:
        """Whether something would be lost with the working tree: changed or new files that are not ignored."""
        # The settings may say that new files are not shown.
        shown = ("--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty")
        return bool((await self.run("status", *shown))[1])

    async def check_kept(self, *, base: str) -> None:
        """Raises `Rejected` (`branch_left`) where commits would be lost with the working tree.

        They are on no branch, or in a repository that somebody put in the place of the task's.
        """
        head = await self.commit_of("HEAD")
        # The task's repository itself is asked: the one in the tree may be a clone, with branches of the same names.
        if head and not await self._provider.keeps(self._sandbox, head, base=base):
            raise Rejected(
                "What is checked out in the sandbox is on no branch of the task's repository; make one of it there first.",
                code="branch_left",
            )

    async def check_resolved(self) -> None:
        """Raises `Conflicting` where adding everything would take git's marks of a conflict for the work."""
        _, listed = await self.run("ls-files", "-z", "--unmerged")
        # Each is listed once for every side that has it.
        files = dict.fromkeys(record.partition("\t")[2] for record in listed.split("\0") if record)
        if files:
            raise Conflicting(
                "Resolve the merge in the sandbox and `git add` the files, then ask for it again: there are conflicts",
                [*files],
            )

    async def commit_all(self, *, branch: str, message: str) -> bool:
        """Commit all that is not committed, new files too; whether there was something.

        Raises `Rejected` when the working tree has another branch checked out.
        """
        if (here := await self._branch()) != branch:
            raise Rejected(
                f"The sandbox is on {here or 'no branch'}, not on {branch}; check that branch out there first.",
                code="branch_left",
            )
        return await self.commit(message)

    async def keep_all(self, *, branch: str, base: str, message: str) -> str | None:
        """Commit all that is not committed, on whatever branch is checked out; where the work is then, None if it is where it was.

        Where none is checked out, one is made of the commits that are on none, named after `branch`; so it is where
        that is a branch of the remote's, on which others begin. A second attempt says the same as the first, which
        may not have told anybody. For a sandbox in which nothing runs any more: what locked git was killed, and its
        locks go.
        """
        await self.unlock()
        uncommitted = await self.has_uncommitted()
        here = await self._branch()
        if uncommitted and here not in (None, branch) and await self.commit_of(ORIGIN + here):
            # A checkout would refuse in the middle of a merge.
            await self.run("update-ref", "--no-deref", "HEAD", "HEAD")
            here = None
        if uncommitted and here is not None:
            # Another attempt finds nothing to commit, and this.
            await self.run("symbolic-ref", _KEPT_ON, f"refs/heads/{here}")
        made = uncommitted and await self.commit(message)
        if here is not None:
            kept = await self._branch(_KEPT_ON) == here or await self._goes_on(branch, here, base)
            return here if kept else None
        head = await self.commit_of("HEAD")
        spare = f"{branch}-{head[:8]}"
        if made or not await self._provider.keeps(self._sandbox, head, base=base):
            await self.run("branch", "--no-track", spare, head)
        found = await self.commit_of(f"refs/heads/{spare}")
        return spare if found and found == head else None

    async def unlock(self) -> None:
        """Remove the locks of a git that was killed while it committed. Only where nothing runs any more."""
        here = await self._branch()
        names = ("index.lock", "HEAD.lock", *([f"refs/heads/{here}.lock"] if here else ()))
        locks = [await self.place_of(name) for name in names]
        await self.command(("rm", "-f", "--", *locks), what="rm", accept=(0,))

    async def place_of(self, name: str) -> str:
        """The absolute path of a file in git's own folder of this working tree."""
        found = await self.run("rev-parse", "--path-format=absolute", "--git-path", name)
        return found[1].removesuffix("\n")

    async def _goes_on(self, branch: str, here: str, base: str) -> bool:
        """Whether the branch that is checked out took the place of another: it has all of that and more, or that has nothing."""
        if here == branch or await self.commit_of(ORIGIN + here):
            return False
        left, head = await self.commit_of(f"refs/heads/{branch}"), await self.commit_of("HEAD")
        if not (left and head):
            return bool(head)
        if left == base:
            # What is checked out is the agent's own, or somebody's that it looks at.
            own = ("rev-list", "--max-count=1", head, "--not", base, "--remotes")
            return bool((await self.run(*own))[1])
        behind, _ = await self.run("merge-base", "--is-ancestor", left, head, accept=(0, 1))
        return behind == 0 and left != head

    async def commit_of(self, name: str) -> str:
        """The commit a name stands for, empty if there is none."""
        found = await self.run("rev-parse", "--verify", "--quiet", name, accept=(0, 1))
        return found[1].strip()

    async def _branch(self, name: str = "HEAD") -> str | None:
        """The branch that is checked out, also one without a commit yet."""
        head = (await self.run("symbolic-ref", "--quiet", name, accept=(0, 1)))[1].strip()
        return head.removeprefix("refs/heads/") or None

    async def commit(self, message: str) -> bool:
        """Commit all that is not committed, wherever that is; whether there was something."""
        await self.run("add", "--all")
        unchanged, _ = await self.run("diff", "--cached", "--quiet", accept=(0, 1))
        if unchanged == 0:
            return False
        commit = ("commit", "--quiet", "--no-verify", "-m", message)
        await self.run(*commit, env=await self.author())
        return True

    async def author(self) -> Mapping[str, str]:
        """Variables that name an author and committer, where what an agent did to the settings left none."""
        named, _ = await self.run("var", "GIT_COMMITTER_IDENT", accept=(0, 128))
        return {} if named == 0 else _AUTHOR

    async def type_in(self, commit: str, path: str) -> str | None:
        """What a commit (or tree) has at this path: `blob`, `tree`, or `commit` for a submodule; None for nothing."""
        listed = await self.run("ls-tree", "-z", commit, "--", path)
        return listed[1].split(" ", 2)[1] if listed[1] else None

    async def is_here(self, path: str) -> bool:
        """Whether the working tree or the index has something at this path."""
        listed = await self.run("ls-files", "-z", "--cached", "--others", "--", path)
        return bool(listed[1])

    async def in_the_way(self, path: str, *, below: bool = True, going: str = "") -> str | None:
        """What git would remove for a file at this path: one that stands where its folder belongs, or those below it.

        What is at the path `going`, or below it, is to be removed anyway.
        """
        parts = path.split("/")
        folders = ["/".join((".", *parts[:end])) for end in range(1, len(parts))]
        found = await self._find(folders, "-maxdepth", "0") if folders else []
        if below:
            found += await self._find([f"./{path}"], "-mindepth", "1")
        gone = os.fsencode(going).decode("utf-8", "replace")
        return next((one for one in found if not f"{one}/".startswith(f"{gone}/")), None)

    async def restore(self, commit: str, path: str) -> None:
        """Bring a path back to what a commit (or tree) has there."""
        await self.run("restore", f"--source={commit}", "--staged", "--worktree", "--", path)

    async def remove(self, path: str) -> None:
        """Remove a path, with repositories in it; never one beyond a symbolic link."""
        await self.run("rm", "-r", "-f", "--quiet", "--cached", "--ignore-unmatch", "--", path)
        await self.run("clean", "-ff", "-d", "-x", "--quiet", "--", path)

    async def _find(self, where: Sequence[str], *depth: str) -> list[str]:
        """What is no folder, at these places or below them; of very many some."""
        # 1: some of the places are not there.
        look = ("find", *where, *depth, "!", "-type", "d", "-print0")
        _, listed = await self.command(look, what="find", accept=(0, 1))
        return [one.removeprefix("./") for one in listed.split("\0") if one]

    async def run(
        self, *args: str, accept: Sequence[int] = (0,), env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run git; its exit code and output. Raises `Unavailable` unless the code is one of `accept`."""
        command = (*_GIT, "-C", self._inside, *args)
        return await self.command(command, what=f"git {args[0]}", accept=accept, env=env)

    async def command(
        self,
        command: Sequence[str],
        *,
        what: str,
        accept: Sequence[int],
        env: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> tuple[int, str]:
        """Run a command in the working tree, as `run` does git: all it says up to `most` bytes, else only the last of it.

        Raises `Rejected` where it says more than `most`.
        """
        # A tree that lost its own repository may lie in one of the operator's.
        env = {**ceiling(Path(self._sandbox.path)), **(env or {})}
        child = await self._provider.start(self._sandbox, command, env=env)
        said, complained = OutputTail(most or OUTPUT_BYTES), OutputTail(OUTPUT_BYTES)
        try:
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(
                    pump(child.stdout, said.add), pump(child.stderr, complained.add)
                )
                exit_code = await child.wait()
        except TimeoutError:
            raise Unavailable(
                f"{what} did not end within {DEADLINE:g} seconds in the sandbox.",
                code="git_failed",
            ) from None
        finally:
            await child.stop()
            child.close()
        if exit_code is None or exit_code not in accept:
            complaint = first_complaint(complained.text().encode())[:300]
            raise Unavailable(f"{what} in the sandbox: {complaint}", code="git_failed")
        if most is not None and said.total > most:
            raise Rejected(f"{what} says more in the sandbox than the {most} bytes that are read.")
        return exit_code, said.text()
