"""The folder through which git looks at a working tree of this disk."""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

OLD_BYTES = 128 << 20
"""Old contents of up to this many bytes, and twice what one capture takes, stay in the folder.

A file that changes all the time leaves another one with each capture.
"""


class LocalCaptureFolder:
    """`objects` is the object folder of the working tree's repository."""

    def __init__(self, path: Path, *, tree: Path, objects: Path) -> None:
        self.path = path
        self._tree = tree
        self._objects = objects
        self._source: tuple[int, int, int] | None = None
        self._begun = False
        self._needed = 0

    async def prepare(self) -> None:
        """Make it, or make it anew when it holds too much that is old; take over the agent's index, if that changed."""
        await asyncio.to_thread(self._forget_what_is_old)
        self._make()
        await asyncio.to_thread(self._take_index)

    async def drop_index(self) -> None:
        """Begin without an index."""
        (self.path / "index").unlink(missing_ok=True)

    def _forget_what_is_old(self) -> None:
        """Begin anew when it is worth it: all that is here can be made again from the working tree."""
        size = _size(self.path / "objects")
        if self._begun:
            # One capture was made since: this is what it takes.
            self._begun, self._needed = False, size
        if size > OLD_BYTES + 2 * self._needed:
            # First what says that it is whole.
            (self.path / "HEAD").unlink(missing_ok=True)
            shutil.rmtree(self.path)
            self._source = None
            self._begun = True

    def _make(self) -> None:
        info = self.path / "objects" / "info"
        if not (self.path / "HEAD").exists():
            info.mkdir(parents=True, exist_ok=True)
            (self.path / "refs").mkdir(exist_ok=True)
            (info / "alternates").write_text(f"{self._objects}\n")
            (self.path / "config").write_text("[core]\n\trepositoryformatversion = 0\n")
            (self.path / "HEAD").write_text("ref: refs/heads/none\n")
        # Nobody else uses this folder: a lock here is one that a killed git left.
        (self.path / "index.lock").unlink(missing_ok=True)

    def _take_index(self) -> None:
        """Begin with the agent's index, which knows what is tracked although it is ignored.

        Only when it changed: afterwards the own one knows the files' times, and git need not read them again.
        """
        index = _git_folder(self._tree) / "index"
        with suppress(OSError):
            found = index.stat()
            source = (found.st_ino, found.st_mtime_ns, found.st_size)
            if source != self._source:
                shutil.copyfile(index, self.path / "index")
                self._source = source


def _size(folder: Path) -> int:
    """What the files below take on the disk, in bytes."""
    total = 0
    for below, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(below, name)).st_blocks * 512
    return total


def _git_folder(tree: Path) -> Path:
    """Where git keeps what belongs to this working tree alone; an agent may have put another repository there."""
    entry = tree / ".git"
    with suppress(OSError, UnicodeDecodeError):
        if entry.is_file():
            return tree / entry.read_text().removeprefix("gitdir:").strip()
    return entry
