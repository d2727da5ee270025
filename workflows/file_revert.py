"""A file of a sandbox brought back to what it was at the base, and nothing else lost by that."""

import os

from runtime.errors import Rejected
from workflows.diff_output import path_shown_as, shown_path
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
        name = await self._name(path)
        there = await self._git.type_in(self._base, name)
        if there is None and not await self._git.is_here(name):
            raise Rejected(
                f"There is no file {path}, neither now nor where the task began.",
                code="no_such_file",
            )
        if there == "commit":
            raise Rejected(
                f"{path} is a submodule, a repository of its own: check out in it the commit you want.",
                code="submodule",
            )
        for file in [name] if there else await self._sources(path):
            other = await self._git.in_the_way(
                file, below=there != "tree", going="" if there else name
            )
            if other is not None:
                was = shown_path(os.fsencode(file))
                raise Rejected(
                    f"{other} stands where {was} was and would be lost; revert or move it first.",
                    code="in_the_way",
                )

    async def revert(self, path: str) -> None:
        """Bring back what was there, else remove what is: a renamed file goes back to where it was.

        May be done again, also where it was interrupted.
        """
        name = await self._name(path)
        if await self._git.type_in(self._base, name):
            await self._git.restore(self._base, name)
            return
        for source in await self._sources(path):
            await self._git.restore(self._base, source)
        await self._git.remove(name)

    async def _name(self, path: str) -> str:
        """What a shown path is called in the sandbox: a name that is no text is shown with its bytes as `\\xff`."""
        name = path_shown_as(path)
        if name == path or await self._is_anywhere(path):
            return path
        try:
            return name if await self._is_anywhere(name) else path
        except UnicodeEncodeError:
            # A command is sent to another machine as text.
            return path

    async def _is_anywhere(self, name: str) -> bool:
        there = await self._git.type_in(self._base, name)
        return there is not None or await self._git.is_here(name)

    async def _sources(self, path: str) -> list[str]:
        """Where the files at or below a path were renamed from. Asked the way people are shown it."""
        now = await self._provider.capture(self._sandbox, base=self._base)
        assert now is not None
        return [
            await self._name(file.source)
            for file in now.files
            if file.source is not None and f"{file.path}/".startswith(f"{path}/")
        ]
