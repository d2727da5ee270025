"""Fixtures shared by all tests: a real nats-server for the whole session, and fresh event stores on it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from events.jetstream import JetStreamStore, open_store
from events.jetstream_api import STREAM_NOT_FOUND
from events.memory import MemoryStore
from runtime.connection import Connection, connect
from tests.nats_process import NatsServer, nats_server_in

# A busy machine is no finding.
settings.register_profile("usual", deadline=None)
settings.register_profile(
    "long", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("usual")

STREAMS = ("EVENTS", "OBJ_BLOBS")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the samples in tests/golden that are missing; existing ones are never touched",
    )


@pytest.fixture
def logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For tests in whose process logs are configured: afterwards they are not."""
    for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, name, getattr(logging, name))
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Every test that takes `nats_connection` begins with no streams on it."""
    with nats_server_in(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def nats_connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to the session's server, emptied of what the test before left there."""
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        await delete_streams(connection, nats_server.folder)
        yield connection


async def delete_streams(connection: Connection, folder: Path) -> None:
    """Take away what an earlier test left on the servers that keep everything in `folder`."""
    for stream in STREAMS:
        answer = await connection.request(f"$JS.API.STREAM.DELETE.{stream}", b"", within=30)
        error = msgspec.json.decode(answer.data).get("error")
        assert error is None or error["err_code"] == STREAM_NOT_FOUND, error
        while _keeps(stream, folder):
            await asyncio.sleep(0.01)


def _keeps(stream: str, folder: Path) -> bool:
    """Whether files of it are left. The server moves them to `.<stream>` and removes them after it answered.

    As long as they are there it cannot move those of the next one of that name: that one stays, and is found.
    """
    try:
        return any(folder.rglob(f"streams/*{stream}"))
    except FileNotFoundError:
        return True


@pytest.fixture
async def jetstream_store(nats_connection: Connection) -> JetStreamStore:
    return await open_store(nats_connection)


@pytest.fixture
def memory_store() -> MemoryStore:
    return MemoryStore()
