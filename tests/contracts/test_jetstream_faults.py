"""The store on JetStream while its server is killed, restarted, or loses the end of its log."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import msgspec
import pytest

from events import jetstream, jetstream_pull
from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.jetstream import open_store
from events.jetstream_api import NANOSECONDS
from events.store import EventStore, LostTail, subject_of
from runtime.connection import Connection, connect
from runtime.embedded_server import EmbeddedServer, embedded_server, server_program
from runtime.errors import Unavailable
from tests.contracts.sample_commits import ANNA, commit, fill, take
from tests.contracts.tcp_proxy import TcpProxy, tcp_proxy
from tests.nats_process import listening_at, nats_server_in

WRITERS = 8
COMMITS_EACH = 60

Batches = AsyncIterator[Sequence[Recorded]]


@asynccontextmanager
async def connected_to(server: EmbeddedServer) -> AsyncIterator[Connection]:
    async with connect(server.url, user=server.user, password=server.password) as connection:
        yield connection


async def kill(server: EmbeddedServer, connection: Connection) -> None:
    """Kill -9, and wait until the client has found the restarted server."""
    back = asyncio.Event()
    connection.on_reconnect(back.set)
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        await back.wait()


class Tally:
    """What the store has acknowledged so far."""

    def __init__(self) -> None:
        self.positions: list[Position] = []
        self._grown = asyncio.Condition()

    async def append_many(self, store: EventStore, subject: str) -> None:
        last = BEGINNING
        for number in range(COMMITS_EACH):
            last = await store.append(
                subject, commit(str(number)), expected=last, message_id=f"m{number}"
            )
            async with self._grown:
                self.positions.append(last)
                self._grown.notify_all()

    async def reached(self, share: float) -> None:
        async with self._grown:
            await self._grown.wait_for(
                lambda: len(self.positions) >= share * WRITERS * COMMITS_EACH
            )


async def test_a_killed_server_loses_no_acknowledged_commit_and_doubles_none(
    tmp_path: Path,
) -> None:
    tally = Tally()
    subjects = [subject_of("task", f"task_{number}") for number in range(WRITERS)]
    async with embedded_server(tmp_path) as server, connected_to(server) as connection:
        store = await open_store(connection)
        async with asyncio.TaskGroup() as tasks:
            for subject in subjects:
                tasks.create_task(tally.append_many(store, subject))
            for share in (0.2, 0.6):
                await tally.reached(share)
                await kill(server, connection)

        for subject in subjects:
            history = await store.load(subject)
            assert [one.message_id for one in history] == [f"m{n}" for n in range(COMMITS_EACH)]
        assert sorted(tally.positions) == list(range(1, await store.head() + 1))


async def test_a_server_without_jetstream_is_told_as_such_and_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jetstream, "START_SECONDS", 1.0)
    with server_without_jetstream(tmp_path) as url:
        async with connect(url) as connection:
            with pytest.raises(Unavailable, match="JetStream is switched off on its server"):
                await open_store(connection, patience=1.0, telling=0.2)

    assert told(caplog) == [
        "JetStream is switched off on its server ($JS.API.STREAM.INFO.EVENTS: nobody listens)"
    ]


async def test_an_account_without_jetstream_is_told_as_such_and_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jetstream, "START_SECONDS", 1.0)
    with nats_server_in(tmp_path, limits="disabled") as server:
        async with connect(server.url_with_password) as connection:
            with pytest.raises(Unavailable, match="JetStream not enabled for account"):
                await open_store(connection, patience=1.0, telling=0.2)

    assert told(caplog) == ["JetStream not enabled for account (503, 10039)"]


def told(caplog: pytest.LogCaptureFixture) -> list[object]:
    """The reasons a start gave while it waited for the log."""
    return [
        record.__dict__["reason"]
        for record in caplog.records
        if record.getMessage() == "the log does not answer yet, waiting"
    ]


@contextmanager
def server_without_jetstream(folder: Path) -> Iterator[str]:
    command = (server_program(), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", folder)
    with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as server:
        try:
            yield listening_at(folder)
        finally:
            server.terminate()


async def test_a_killed_server_makes_a_reader_miss_and_double_nothing(tmp_path: Path) -> None:
    count = WRITERS * COMMITS_EACH
    tally = Tally()
    async with embedded_server(tmp_path) as server, connected_to(server) as connection:
        store = await open_store(connection)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(take(store, BEGINNING, count))
            for number in range(WRITERS):
                subject = subject_of("task", f"task_{number}")
                tasks.create_task(tally.append_many(store, subject))
            for share in (0.3, 0.7):
                await tally.reached(share)
                await kill(server, connection)

        assert [one.position for one in reading.result()] == list(range(1, count + 1))


async def test_a_reader_learns_that_the_log_lost_its_end(tmp_path: Path) -> None:
    async with reader_cut_off(tmp_path) as (reader, proxy):
        _put_back_older_log(tmp_path)

        async with embedded_server(tmp_path / "nats"):
            proxy.refusing = False
            with pytest.raises(LostTail, match="ends at 3"):
                await _next(reader)


async def test_a_reader_learns_that_the_log_lost_its_end_and_grew_again(tmp_path: Path) -> None:
    async with reader_cut_off(tmp_path) as (reader, proxy):
        _put_back_older_log(tmp_path)

        async with embedded_server(tmp_path / "nats") as server:
            async with connected_to(server) as other:
                await fill(await open_store(other), 4, subject=subject_of("task", "task_new"))
            proxy.refusing = False
            with pytest.raises(LostTail, match="another commit"):
                await _next(reader)


async def test_a_reader_learns_that_the_log_was_made_anew(tmp_path: Path) -> None:
    async with reader_cut_off(tmp_path) as (reader, proxy):
        shutil.rmtree(tmp_path / "nats" / "jetstream")

        async with embedded_server(tmp_path / "nats") as server:
            async with connected_to(server) as other:
                await fill(await open_store(other), 9)
            proxy.refusing = False
            with pytest.raises(LostTail, match="made anew"):
                await _next(reader)


async def test_what_is_long_on_its_way_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jetstream_pull, "SILENCE_SECONDS", 0.5)
    pull = msgspec.json.decode(jetstream_pull._PULL) | {"idle_heartbeat": NANOSECONDS // 10}
    monkeypatch.setattr(jetstream_pull, "_PULL", msgspec.json.encode(pull))
    caplog.set_level("INFO")
    async with (
        embedded_server(tmp_path) as server,
        tcp_proxy(server.url) as proxy,
        connected_to(server) as other,
        connect(proxy.url, user=server.user, password=server.password) as connection,
    ):
        store = await open_store(other)
        await fill(store, 1)
        reader = (await open_store(connection)).read(BEGINNING)
        await _next(reader)
        asked = asyncio.Event()
        flush = connection.client.flush

        async def ask(timeout: int = 10) -> None:
            asked.set()
            await flush(timeout)

        monkeypatch.setattr(connection.client, "flush", ask)
        coming = asyncio.create_task(_next(reader))
        proxy.freeze()
        async with asyncio.timeout(20):
            await asked.wait()
        await store.append(ANNA, commit(), expected=Position(1), message_id="m2")
        proxy.thaw()

        assert [one.position for one in await coming] == [2]
        assert "log is read by a new consumer" not in caplog.messages


@asynccontextmanager
async def reader_cut_off(folder: Path) -> AsyncIterator[tuple[Batches, TcpProxy]]:
    """A reader that has read six commits, a copy of the log with three, the server stopped."""
    async with AsyncExitStack() as stack:
        async with embedded_server(folder / "nats") as server:
            proxy = await stack.enter_async_context(tcp_proxy(server.url))
            connection = await stack.enter_async_context(
                connect(proxy.url, user=server.user, password=server.password)
            )
            positions = await fill(await open_store(connection), 3)
        shutil.copytree(folder / "nats" / "jetstream", folder / "older")
        async with embedded_server(folder / "nats"):
            store = await open_store(connection)
            last = positions[-1]
            for name in ("m4", "m5", "m6"):
                last = await store.append(ANNA, commit(name), expected=last, message_id=name)
            reader = store.read(BEGINNING)
            assert [one.position for one in await anext(reader)] == [1, 2, 3, 4, 5, 6]
            proxy.refusing = True
        yield reader, proxy


def _put_back_older_log(folder: Path) -> None:
    shutil.rmtree(folder / "nats" / "jetstream")
    shutil.copytree(folder / "older", folder / "nats" / "jetstream")


async def _next(reader: Batches) -> Sequence[Recorded]:
    async with asyncio.timeout(20):
        return await anext(reader)
