"""The few things that are done with files of a sandbox's machine, whichever one that is."""

import asyncio
import errno
import logging
import os
import shutil
import stat
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)


class Disk(Protocol):
    """All paths are absolute and of that machine."""

    async def exists(self, path: Path) -> bool: ...

    async def same(self, one: Path, other: Path) -> bool:
        """Whether two paths lead to the same thing, which is there."""

    async def names(self, *folders: Path) -> set[str]:
        """What lies in these folders; nothing in one that is not there."""

    async def read(self, file: Path) -> bytes | None:
        """What stands in a file; None if there is none."""

    async def write(self, file: Path, content: bytes) -> None:
        """Put a file at its place, whole or not at all; its folder is there."""

    async def make(self, folder: Path) -> None:
        """Make a folder and those above it, unless they are there."""

    async def throw_away(self, path: Path) -> None:
        """Remove a file or folder, whatever is in it, if it is there."""

    async def empty_trash(self) -> None:
        """Remove what a crash kept an earlier life from removing."""


class LocalDisk:
    """This machine's. `trash` lies on the same disk as what is thrown away, or that is removed where it lies."""

    def __init__(self, trash: Path) -> None:
        self._trash = trash
        trash.mkdir(parents=True, exist_ok=True)

    async def exists(self, path: Path) -> bool:
        return path.exists()

    async def same(self, one: Path, other: Path) -> bool:
        with suppress(OSError):
            return one.samefile(other)
        return False

    async def names(self, *folders: Path) -> set[str]:
        return {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()}

    async def read(self, file: Path) -> bytes | None:
        with suppress(FileNotFoundError):
            return file.read_bytes()
        return None

    async def write(self, file: Path, content: bytes) -> None:
        new = file.with_name(f"{file.name}.new")
        new.write_bytes(content)
        new.replace(file)

    async def make(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    async def throw_away(self, path: Path) -> None:
        # Out of the way at once, so that a crash leaves either all of it or nothing at its place.
        gone = self._trash / uuid.uuid4().hex
        if path.is_dir() and not path.is_symlink():
            # What is above a folder is written down in it, so one that is read-only does not move.
            _unlock(path)
        try:
            path.rename(gone)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # Sandboxes may have a disk of their own: what a crash leaves there is thrown away again.
            gone = path
        await asyncio.to_thread(_remove, gone)

    async def empty_trash(self) -> None:
        for left in list(self._trash.iterdir()):
            await asyncio.to_thread(_remove, left)


def _remove(path: Path) -> None:
    """Remove all that can be. What another user made in there stays in the trash, for the operator."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
    # Some tools make their caches read-only; what is in such a folder cannot be removed.
    for folder, _, _ in os.walk(path):
        _unlock(Path(folder))
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        log.warning("trash cannot be removed", extra={"path": str(path)})


def _unlock(folder: Path) -> None:
    with suppress(OSError):
        folder.chmod(stat.S_IRWXU)
