"""What stands in the data folder besides the log: the lock with the server's address, the owner's token, this host's name."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class DataFolderInUse(Exception):
    """Another process works in this folder: `holder`, in words."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"{folder} is in use by {holder}. Stop that one, or set FOUNDRY_DATA to another folder."
        )
        self.holder = holder


class DataFolderUnusable(Exception):
    """It cannot be made, nothing can be written into it, or a file in it is damaged."""


A_COMMAND = "a `foundry` command"
"""Who has the folder for the time of one command, in words."""

LOOKED_AT_SECONDS = 0.2
"""A process that only looks whether the folder is locked holds the lock for a moment: it is tried again for this long."""


LONGEST_PATH = 440
"""Bytes. SQLite opens no file whose path, links followed, has more than 504; its names here take what is left."""


@contextmanager
def locked(folder: Path, *, by: str = "`foundry serve`") -> Iterator[None]:
    """Hold the folder for this process, which others hear named `by`. Raises `DataFolderInUse`, naming the process that has it."""
    check_usable(folder)
    with (folder / "lock").open("a+") as lock:
        deadline = time.monotonic() + LOOKED_AT_SECONDS
        while not _taken(lock):
            if time.monotonic() > deadline:
                lock.seek(0)
                raise DataFolderInUse(folder, lock.readline().strip() or "another process")
            time.sleep(0.01)
        lock.truncate(0)
        lock.write(f"{by} with process id {os.getpid()}")
        lock.flush()
        yield


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_usable(folder: Path) -> None:
    """Make the folder if need be. Raises `DataFolderUnusable`."""
    reason = "it cannot be written"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or reason
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        raise DataFolderUnusable(
            f"FOUNDRY_DATA is {folder}, which cannot be used ({reason}); set it to another folder."
        )
    if (long := len(os.fsencode(folder.resolve()))) > LONGEST_PATH:
        raise DataFolderUnusable(
            f"FOUNDRY_DATA is {folder}, a path of {long} bytes, and {LONGEST_PATH} at most can be used;"
            " set it to another folder."
        )


def has_log(folder: Path) -> bool:
    """Whether a log of an embedded server was ever begun here; makes nothing. Raises `DataFolderUnusable`."""
    if not os.path.lexists(folder):
        return False
    check_usable(folder)
    return (folder / "nats").is_dir()


def write_address(folder: Path, address: str) -> None:
    """Say where the `foundry serve` that holds the folder listens, until it lets go of the folder."""
    with (folder / "lock").open("a") as lock:
        lock.write(f"\n{address}\n")


def read_address(folder: Path) -> str | None:
    """Where the `foundry serve` of this folder listens; None when none works there."""
    if not is_locked(folder):
        return None
    _, _, address = (folder / "lock").read_text().partition("\n")
    return address.strip() or None


def holder(folder: Path) -> str | None:
    """Who works in this folder now, in words; None when nobody does."""
    if not is_locked(folder):
        return None
    name, _, _ = (folder / "lock").read_text().partition("\n")
    return name.strip() or "another process"


def is_locked(folder: Path) -> bool:
    """Whether a `foundry serve`, or another command, works in this folder now."""
    try:
        with (folder / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True
    return False


def read_token(folder: Path) -> str | None:
    """The owner's token kept here, None before the first start."""
    return _read(folder / "token")


def write_token(folder: Path, token: str) -> None:
    """Keep the owner's token, readable by this user only."""
    _write_private(folder / "token", token + "\n")


def read_host(folder: Path) -> str | None:
    """The name made for this folder: that of its node and, unless FOUNDRY_HOST gives another, of this host. None before the first start."""
    return _read(folder / "host")


def host_name(folder: Path, wanted: str | None) -> str:
    """The name by which this host's sandboxes are found again: given, else made once and kept."""
    if wanted:
        return wanted
    kept = read_host(folder)
    if kept is None:
        kept = f"host-{secrets.token_hex(4)}"
        _write_private(folder / "host", kept + "\n")
    return kept


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise DataFolderUnusable(
            f"{path} is damaged; put it back from a copy, or remove it: docs/operations.md says"
            ' under "The data folder" what is lost with it.'
        ) from None


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    # What is in the log next may be of no use to anybody without this file: the hash of a token is.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
