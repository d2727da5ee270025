"""The disk of a sandbox-agent server's machine, reached through its API."""

import logging
import uuid
from pathlib import Path

from workflows.sandbox_agent_api import SandboxAgentApi

log = logging.getLogger(__name__)

THROW_AWAY_SECONDS = 240.0

# What is above a folder is written down in it, so one that is read-only does not move.
_MOVE = """
[ -e "$1" ] || [ -L "$1" ] || exit 0
[ -L "$1" ] || chmod u+rwx "$1" 2>/dev/null
mkdir -p "$2" && mv "$1" "$2/$3"
"""

_LIST = """
for folder do [ ! -d "$folder" ] || ls -A "$folder" || exit; done
"""

# Some tools make their caches read-only; what is in such a folder cannot be removed. What another
# user made in there stays in the trash, for the operator.
_REMOVE = """
[ -e "$1" ] || [ -L "$1" ] || exit 0
chmod -R u+rwX "$1" 2>/dev/null
rm -rf "$1" 2>/dev/null || echo left
"""


class SandboxAgentDisk:
    """`trash` is a folder on the server's machine that only this worker uses, on the same disk as what is thrown away."""

    def __init__(self, api: SandboxAgentApi, trash: Path) -> None:
        self._api = api
        self._trash = trash
        self.scratch = trash / uuid.uuid4().hex
        """This life's part of it: what lies there is removed at the next start at the latest."""

    async def exists(self, path: Path) -> bool:
        return bool(await self._api.shell('[ ! -e "$1" ] || echo yes', str(path)))

    async def same(self, one: Path, other: Path) -> bool:
        return bool(await self._api.shell('[ ! "$1" -ef "$2" ] || echo yes', str(one), str(other)))

    async def names(self, *folders: Path) -> set[str]:
        listed = await self._api.shell(_LIST, *map(str, folders))
        return {name for name in listed.split("\n") if name}

    async def read(self, file: Path) -> bytes | None:
        return await self._api.read(str(file)) if await self.exists(file) else None

    async def write(self, file: Path, content: bytes) -> None:
        await self._api.write(str(file), content)

    async def make(self, folder: Path) -> None:
        await self._api.shell('mkdir -p "$1"', str(folder))

    async def throw_away(self, path: Path) -> None:
        # A folder for each, so that what one removes is not under another's hands.
        trash = self.scratch / uuid.uuid4().hex
        await self._api.shell(_MOVE, str(path), str(trash), path.name)
        await self._remove(trash)

    async def empty_trash(self) -> None:
        for name in await self.names(self._trash) - {self.scratch.name}:
            await self._remove(self._trash / name)

    async def _remove(self, trash: Path) -> None:
        if await self._api.shell(_REMOVE, str(trash), deadline=THROW_AWAY_SECONDS):
            log.warning("trash cannot be removed", extra={"path": str(trash)})
