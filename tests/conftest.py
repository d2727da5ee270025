"""Fixtures shared by all tests: a real nats-server for the whole session, and fresh event stores on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import monotonic, sleep

import msgspec
import pytest
from msgspec import Struct

from events.jetstream import JetStreamStore, open_store
from events.memory import MemoryStore
from runtime.connection import Connection, connect
from runtime.embedded_server import server_program

STREAMS = ("EVENTS", "OBJ_BLOBS")


class NatsServer(Struct, frozen=True):
    """Where the session's nats-server is and how to get in. Every test begins with no streams on it."""

    url: str
    user: str
    password: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the samples in tests/golden that are missing; existing ones are never touched",
    )


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    folder = tmp_path_factory.mktemp("nats")
    user, password = "test", "only-for-this-session"
    settings = {
        "listen": "127.0.0.1:-1",
        "authorization": {"user": user, "password": password},
        "jetstream": {"store_dir": str(folder)},
        "ports_file_dir": str(folder),
    }
    (folder / "server.conf").write_bytes(msgspec.json.encode(settings))
    with Popen(
        [server_program(), "-c", folder / "server.conf"], stdout=DEVNULL, stderr=DEVNULL
    ) as server:
        try:
            yield NatsServer(_url(folder), user, password)
        finally:
            server.terminate()


@pytest.fixture
async def nats_connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to the session's server, emptied of what the test before left there."""
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        for stream in STREAMS:
            await connection.request(f"$JS.API.STREAM.DELETE.{stream}", b"", within=5)
        yield connection


@pytest.fixture
async def jetstream_store(nats_connection: Connection) -> JetStreamStore:
    return await open_store(nats_connection)


@pytest.fixture
def memory_store() -> MemoryStore:
    return MemoryStore()


def _url(folder: Path) -> str:
    deadline = monotonic() + 10
    while monotonic() < deadline:
        for file in folder.glob("nats-server_*.ports"):
            if content := file.read_bytes():
                ports: dict[str, list[str]] = msgspec.json.decode(content)
                return ports["nats"][0]
        sleep(0.005)
    raise TimeoutError("nats-server did not name its port within 10 s")
