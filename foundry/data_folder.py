"""What stands in the data folder besides the log: the lock, the owner's token, this host's name."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataFolderInUse(Exception):
    """Another `foundry serve` works in this folder."""


class DataFolderUnusable(Exception):
    """It cannot be made, or nothing can be written into it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises `DataFolderInUse`, naming the process that has it."""
    check_usable(folder)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.readline().strip() or "another process"
            raise DataFolderInUse(
                f"{folder} is in use by {holder}. Stop that one, or set FOUNDRY_DATA to another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"`foundry serve` with process id {os.getpid()}")
        lock.flush()
        yield


def check_usable(folder: Path) -> None:
    """Make the folder if need be. Raises `DataFolderUnusable`."""
    reason = "it cannot be written"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or reason
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise DataFolderUnusable(
            f"FOUNDRY_DATA is {folder}, which cannot be used ({reason}); set it to another folder."
        )


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


def is_locked(folder: Path) -> bool:
    """Whether a `foundry serve` works in this folder now."""
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
    try:
        return (folder / "token").read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_token(folder: Path, token: str) -> None:
    """Keep the owner's token, readable by this user only."""
    _write_private(folder / "token", token + "\n")


def host_name(folder: Path, wanted: str | None) -> str:
    """The name by which this host's sandboxes are found again: given, else made once and kept."""
    if wanted:
        return wanted
    path = folder / "host"
    if not path.exists():
        _write_private(path, f"host-{secrets.token_hex(4)}\n")
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.rename(path)
