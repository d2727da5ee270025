"""The work in repositories inside a task's working tree, of which the task's own repository has only the names of commits.

Clones, submodules and further working trees: what would go with the task's tree is kept beside its branch.
"""

from collections.abc import Mapping

from events.ids import TaskId
from runtime.errors import Rejected, Unavailable
from workflows.sandbox_git import SandboxGit

LISTED_BYTES = 4 << 20
"""Of the places of all repositories inside. Were some not heard of, their work would go with the tree."""

_REPOSITORY = ".git"


def kept_inside(task_id: TaskId) -> str:
    """The reference to what an archive kept: a commit with a `git bundle` for each, at the place it had."""
    return f"refs/foundry/inside/{task_id}"


class WorkInside:
    """For a sandbox in which nothing runs any more: `git` is that of its working tree."""

    def __init__(self, git: SandboxGit) -> None:
        self._git = git

    async def keep(self, *, base: str, under: str, message: str) -> str | None:
        """Commit there what is not committed, and keep the commits no remote of theirs has; `under`, None if there are none.

        What the task's `base` notes of a submodule was there before the task, also where a shallow one does not show that.

        May be done again. Raises `Rejected` where one cannot be named, or there are too many.
        """
        bundles: dict[str, str] = {}
        # The outer one notes what was committed in those inside it.
        for path in reversed(await self._found()):
            before = await self._git.commit_of(f"{base}:{path}")
            try:
                bundle = await self._keep_one(self._git.inside(path), before, message)
            except Unavailable as error:
                if error.code != "git_failed":
                    raise
                # Git says what is wrong with it, and not which of many it is.
                told = f"The repository {path} inside cannot be kept: {error.detail}"
                raise Unavailable(told, code=error.code) from error
            if bundle:
                bundles[f"{path}.bundle"] = bundle
        if not bundles:
            return None
        commit = await self._commit_of(bundles, message)
        await self._git.run("update-ref", under, commit)
        return under

    async def _keep_one(self, git: SandboxGit, before: str, message: str) -> str | None:
        await git.unlock()
        if not (await git.commit(message) or await git.commit_of("HEAD")):
            # Without a commit the outer one does not take it, though nothing is in it.
            commit = ("commit", "--quiet", "--no-verify", "--allow-empty", "-m", message)
            await git.run(*commit, env=await git.author())
        return await self._bundle(git, before)

    async def _found(self) -> list[str]:
        """Those that git does not ignore, each before the ones inside it."""
        look = ("find", ".", "-mindepth", "2", "-name", _REPOSITORY, "-prune", "-print0")
        # 1: a folder cannot be read, and git passes it over too.
        _, listed = await self._git.command(look, what="find", accept=(0, 1), most=LISTED_BYTES)
        places = (one.removeprefix("./").removesuffix(_REPOSITORY) for one in listed.split("\0"))
        found: list[str] = []
        ignored: list[str] = []
        for place in sorted(filter(None, places)):
            if place.startswith(tuple(ignored)):
                continue
            path = place.removesuffix("/")
            if "\N{REPLACEMENT CHARACTER}" in path:
                raise Rejected(
                    f"The repository {path} inside has a name that is no text; rename it."
                )
            # 128, or a place in the outer one: what has that name is no repository.
            code, within = await self._git.inside(path).run(
                "rev-parse", "--show-prefix", accept=(0, 128)
            )
            if code == 0 and not within.strip():
                if await self._is_shown(path):
                    found.append(path)
                else:
                    ignored.append(place)
        return found

    async def _is_shown(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        _, listed = await self._git.inside(folder or ".").run(
            *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", name)
        )
        return bool(listed)

    async def _bundle(self, git: SandboxGit, before: str) -> str | None:
        """What would be lost of a repository, as a blob in the task's own."""
        common = ("rev-parse", "--path-format=absolute", "--git-common-dir")
        same = (await git.run(*common))[1] == (await self._git.run(*common))[1]
        # Another working tree of the task's repository has its branches there, where they stay.
        lost = ("HEAD", "--not", "--branches", "--tags") if same else ("--all", "--not")
        lost = (*lost, "--remotes", *filter(None, [await git.commit_of(f"{before}^{{commit}}")]))
        if not (await git.run("rev-list", "--max-count=1", *lost))[1]:
            return None
        file = await self._git.place_of("foundry.bundle")
        await self._remove(file)
        await git.run("bundle", "create", "--quiet", file, *lost)
        _, blob = await self._git.run("hash-object", "-w", "--no-filters", "--", file)
        await self._remove(file)
        return blob.strip()

    async def _commit_of(self, blobs: Mapping[str, str], message: str) -> str:
        index = await self._git.place_of("foundry.index")
        await self._remove(index)
        env = {"GIT_INDEX_FILE": index}
        for path, blob in blobs.items():
            entry = ("--add", "--cacheinfo", f"100644,{blob},{path}")
            await self._git.run("update-index", *entry, env=env)
        _, tree = await self._git.run("write-tree", env=env)
        commit_tree = ("commit-tree", "-m", message, tree.strip())
        _, commit = await self._git.run(*commit_tree, env=await self._git.author())
        await self._remove(index)
        return commit.strip()

    async def _remove(self, file: str) -> None:
        # With the lock of a git that was killed while it wrote it.
        await self._git.command(("rm", "-f", "--", file, f"{file}.lock"), what="rm", accept=(0,))
