"""What the embedded nats-server keeps in the data folder. All of it is readable by its owner only."""

import os
from pathlib import Path
from typing import IO, Literal

import msgspec
from msgspec import Struct

from runtime.child_process import ProcessIdentity, identity_of

LOG_BYTES = 8 * 1024 * 1024
LOG_FILES = 3

ANY_SIZE = 1 << 50
"""The log may take all there is. By itself nats-server takes three quarters of what is free at its start, for old and new
together: a log larger than that was refused every commit from the next start on, however much room was left."""


class Remembered(Struct, frozen=True, kw_only=True):
    """What outlives one run: how to reach the server, and while it runs who runs it.

    `folder` is the device and the number of the folder this was written in: a copy of it is another one.
    """

    user: str
    password: str
    port: int
    server: ProcessIdentity | None = None
    owner: ProcessIdentity | None = None
    folder: tuple[int, int] | None = None

    def at_port(self, port: int) -> "Remembered":
        return msgspec.structs.replace(self, port=port)

    def run_by_us(self, *, server: ProcessIdentity | None) -> "Remembered":
        return msgspec.structs.replace(self, server=server, owner=identity_of(os.getpid()))


class EmbeddedFiles:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.configuration = self.folder / "server.conf"
        self.store = self.folder / "jetstream"
        self.log = self.folder / "server.log"
        self._remembered = self.folder / "server.json"
        self._crash_log = self.folder / "crash.log"

    def remembered(self) -> Remembered | None:
        """None in a new folder, and when the file was damaged: then new secrets are made."""
        try:
            state = msgspec.json.decode(self._remembered.read_bytes(), type=Remembered)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        if state.folder in (None, self._identity()):
            return state
        # Copied while a server ran in the other folder, which is still that one's.
        return msgspec.structs.replace(state, server=None, owner=None)

    def remember(self, state: Remembered) -> None:
        self._make_folder()
        state = msgspec.structs.replace(state, folder=self._identity())
        self._write(self._remembered, msgspec.json.encode(state))

    def has_store(self) -> bool:
        """Whether anything of the store is there. A server whose files were removed goes on writing into them, and tells nobody."""
        try:
            # The server keeps all in a folder of its own in there. No file is opened: there may be none left to open.
            (self.store / "jetstream").stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def write_configuration(self, content: bytes) -> None:
        self._write(self.configuration, content)

    def open_crash_log(self) -> IO[bytes]:
        """Where a panic goes; emptied at each start, so it cannot grow."""
        return os.fdopen(
            os.open(self._crash_log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb"
        )

    def last_words(self) -> str:
        """What the server wrote last, for an error message."""
        lines: list[str] = []
        # The reason of a crash stands above its stacks.
        for path, part in ((self.log, slice(-5, None)), (self._crash_log, slice(5))):
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[part]
        return " | ".join(lines) or "(nothing)"

    def _identity(self) -> tuple[int, int]:
        status = self.folder.stat()
        return status.st_dev, status.st_ino

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        self._make_folder()
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)


def configuration(
    files: EmbeddedFiles,
    state: Remembered,
    *,
    name: str,
    durability: Literal["fsync", "os"],
) -> bytes:
    """The server's configuration. JSON is a subset of its format.

    No monitoring port: it would answer anybody on this machine without asking who they are.
    """
    jetstream: dict[str, object] = {"store_dir": str(files.store), "max_file_store": ANY_SIZE}
    if durability == "fsync":
        jetstream["sync_interval"] = "always"
    return msgspec.json.encode(
        {
            "server_name": name,
            "listen": f"127.0.0.1:{state.port}",
            "authorization": {"user": state.user, "password": state.password},
            "jetstream": jetstream,
            "log_file": str(files.log),
            "log_size_limit": LOG_BYTES,
            "log_max_num": LOG_FILES,
        }
    )
