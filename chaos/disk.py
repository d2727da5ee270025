"""The disk of the log: a small ext4 in a file, so that it can be full, and lose its power, without harm to others."""

import errno
import fcntl
import os
import resource
import subprocess
from pathlib import Path

BYTES = 2 * 1024**3
"""Enough for the log of a thousand cycles. The image has holes: what is not written takes no room."""

FILLER = "filler"

SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: the file system takes nothing more from its cache to the device, from this instant."""

WITHOUT_FLUSH = (2).to_bytes(4, "little")


class Disk:
    """Where mounting is not allowed it is a plain folder, fullness a limit of the process, and power is never lost."""

    def __init__(self, folder: Path, *, mounting: bool) -> None:
        self.root = folder / "disk"
        self._image = folder / "disk.img"
        self.root.mkdir()
        self.is_own = mounting and self._make()

    def fill(self, server_pid: int) -> None:
        """No byte more can be written."""
        if not self.is_own:
            largest = max(
                (path.stat().st_size for path in self.root.rglob("*") if path.is_file()), default=0
            )
            _limit_files(server_pid, largest)
            return
        with (self.root / FILLER).open("wb") as filler:
            step = 256 * 1024 * 1024
            while step >= 4096:
                try:
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, step)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2

    def free(self, server_pid: int) -> None:
        if self.is_own:
            (self.root / FILLER).unlink(missing_ok=True)
        else:
            _limit_files(server_pid, resource.RLIM_INFINITY)

    def lose_power(self) -> None:
        """Only what was synced is on the device; `mount` again once nobody has a file open any more."""
        folder = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(folder)

    def mount(self) -> None:
        """Mount it as after a power loss: the journal is replayed."""
        _run("umount", str(self.root))
        self._mount()
        # The power may have gone while the disk was full.
        (self.root / FILLER).unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.is_own:
            _run("umount", str(self.root))

    def _make(self) -> bool:
        with self._image.open("wb") as image:
            image.truncate(BYTES)
        try:
            _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
            self._mount()
        except (OSError, subprocess.CalledProcessError):
            self._image.unlink()
            return False
        return True

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.root))


def _limit_files(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, timeout=60, check=True)
