"""A plain nats-server for tests: its own process on a free port of 127.0.0.1, gone when the context is left."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import monotonic, sleep
from typing import Literal

import msgspec
from msgspec import Struct

from runtime.embedded_server import server_program

CERTIFICATE = Path(__file__).parent / "contracts" / "tls" / "server.pem"
"""Of 127.0.0.1, signed by itself, for a hundred years."""
KEY = CERTIFICATE.with_suffix(".key")


class NatsServer(Struct, frozen=True):
    """Where a nats-server is and how to get in."""

    url: str
    user: str
    password: str
    folder: Path
    """Where it keeps everything."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def url_with_password(self) -> str:
        """The address with its user and password, as FOUNDRY_NATS_URL takes it."""
        return self.url.replace("nats://", f"nats://{self.user}:{self.password}@")


@contextmanager
def nats_server_in(
    folder: Path,
    *,
    port: int = -1,
    permissions: Mapping[str, object] | None = None,
    limits: Mapping[str, object] | Literal["disabled"] | None = None,
    tls: bool = False,
    clear: bool = False,
) -> Iterator[NatsServer]:
    """A server with JetStream that keeps everything in `folder`; on a port of its own choice, or on the one it had.

    `permissions` are those of its one user, by default all; `limits` what the user's account may have
    of JetStream, by default everything, or nothing. With `tls` it speaks nothing else, by the certificate `CERTIFICATE`,
    unless it may be talked to in the `clear` as well.
    """
    user, password = "test", "only-for-this-session"
    account: dict[str, object] = {"user": user, "password": password}
    if permissions is not None:
        account["permissions"] = permissions
    settings: dict[str, object] = {
        "listen": f"127.0.0.1:{port}",
        "accounts": {"test": {"jetstream": limits or "enabled", "users": [account]}},
        "jetstream": {"store_dir": str(folder)},
        "ports_file_dir": str(folder),
    }
    if tls:
        settings["tls"] = {"cert_file": str(CERTIFICATE), "key_file": str(KEY)}
        settings["allow_non_tls"] = clear
    (folder / "server.conf").write_bytes(msgspec.json.encode(settings))
    with Popen(
        [server_program(), "-c", folder / "server.conf"], stdout=DEVNULL, stderr=DEVNULL
    ) as server:
        try:
            yield NatsServer(listening_at(folder), user, password, folder)
        finally:
            server.terminate()


def listening_at(folder: Path) -> str:
    """The address of the server that was told to write it down there."""
    deadline = monotonic() + 10
    while monotonic() < deadline:
        for file in folder.glob("nats-server_*.ports"):
            if content := file.read_bytes():
                ports: dict[str, list[str]] = msgspec.json.decode(content)
                return ports["nats"][0]
        sleep(0.005)
    raise TimeoutError("nats-server did not name its port within 10 s")
