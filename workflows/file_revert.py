"""A file of a sandbox brought back to what it was at the base, and nothing else lost by that."""

from runtime.errors import Rejected
from workflows.sandbox import Sandbox, SandboxProvider
from workflows.sandbox_git import SandboxGit


class FileRevert:
    """`base` is the commit (or tree) the work of the sandbox is compared with."""

    def __init__(self, provider: SandboxProvider, sandbox: Sandbox, *, base: str) -> None:
        self._provider = provider
        self._sandbox = sandbox
        self._base = base
        self._git = SandboxGit(provider, sandbox)

    async def check(self, path: str) -> None:
        """Raises `Rejected` (`no_such_file`, `submodule`, `in_the_way`) where a revert could not do all it should."""
        there = await self._git.type_in(self._base, path)
        if there is None and not await self._git.is_here(path):
            raise Rejected(
                f"There is no file {path}, neither now nor where the task began.",
                code="no_such_file",
            )
        if there == "commit":
            raise Rejected(
                f"{path} is a submodule, a repository of its own: check out in it the commit you want.",
                code="submodule",
            )
        for file in [path] if there else await self._sources(path):
            other = await self._git.in_the_way(file, below=there != "tree")
            if other is not None:
                raise Rejected(
                    f"{other} stands where {file} was and would be lost; revert or move it first.",
                    code="in_the_way",
                )

    async def revert(self, path: str) -> None:
        """Bring back what was there, else remove what is: a renamed file goes back to where it was.

        May be done again, also where it was interrupted.
        """
        if await self._git.type_in(self._base, path):
            await self._git.restore(self._base, path)
            return
        for source in await self._sources(path):
            await self._git.restore(self._base, source)
        await self._git.remove(path)

    async def _sources(self, path: str) -> list[str]:
        """Where the files at or below a path were renamed from. Asked the way people are shown it."""
        now = await self._provider.capture(self._sandbox, base=self._base)
        assert now is not None
        return [
            file.source
            for file in now.files
            if file.source is not None and f"{file.path}/".startswith(f"{path}/")
        ]
