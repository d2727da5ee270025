"""The embedded nats-server: private, remembered, restarted, and never left behind."""

import asyncio
import errno
import os
import re
import resource
import shutil
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from events.ids import BEGINNING
from events.jetstream import open_store
from runtime.child_process import identity_of, is_running
from runtime.connection import connect
from runtime.embedded_files import EmbeddedFiles
from runtime.embedded_server import (
    ServerDidNotStart,
    embedded_server,
    running_server,
)
from runtime.errors import Unavailable
from tests.contracts.sample_commits import ANNA, commit
from tests.runtime.reachable import reachable

ENDED = "embedded nats-server ended unexpectedly, starting it again"


async def test_it_lets_in_only_who_knows_the_password(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as server:
        assert await reachable(server)
        with pytest.raises(Unavailable, match="Authorization Violation"):
            async with connect(server.url, user=server.user, password="guess", within=0.6):
                pass


async def test_its_files_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "nats"
    async with embedded_server(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("server.conf", "server.json", "crash.log"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_it_listens_on_this_machine_only_and_syncs_every_write(tmp_path: Path) -> None:
    async with embedded_server(tmp_path):
        settings = (tmp_path / "server.conf").read_text()

    assert '"listen":"127.0.0.1:' in settings
    assert '"sync_interval":"always"' in settings
    assert "http" not in settings


async def test_durability_os_leaves_syncing_to_the_system(tmp_path: Path) -> None:
    async with embedded_server(tmp_path, durability="os"):
        assert "sync_interval" not in (tmp_path / "server.conf").read_text()


async def test_the_log_may_grow_beyond_what_is_free_when_it_starts(tmp_path: Path) -> None:
    async with embedded_server(tmp_path):
        said = EmbeddedFiles(tmp_path).log.read_text()

    (most,) = re.findall(r"Max Storage: +(\S+ \wB)", said)
    assert most == "1.00 PB"


async def test_it_is_found_at_the_same_place_after_a_restart_of_the_node(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as first:
        pass
    async with embedded_server(tmp_path) as second:
        assert (second.url, second.password) == (first.url, first.password)
        assert second.pid != first.pid


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"user":"\xff"}'])
async def test_what_was_remembered_and_is_damaged_is_made_anew(
    tmp_path: Path, damaged: bytes
) -> None:
    (tmp_path / "server.json").write_bytes(damaged)

    assert EmbeddedFiles(tmp_path).remembered() is None


async def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as first:
        pass
    with socket.create_server(("127.0.0.1", int(first.url.rpartition(":")[2]))):
        async with embedded_server(tmp_path) as second:
            assert second.url != first.url
            assert await reachable(second)


async def test_a_user_who_may_not_run_what_starts_it_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").touch(mode=0o600)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(ServerDidNotStart, match="may not run"):
        async with embedded_server(tmp_path / "nats", port=1):
            pass


async def test_a_given_port_that_is_taken_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ServerDidNotStart, match="address already in use"),
    ):
        async with embedded_server(tmp_path, port=taken.getsockname()[1]):
            pass


def test_of_a_crash_the_reason_is_told_and_not_the_end_of_its_stacks(tmp_path: Path) -> None:
    files = EmbeddedFiles(tmp_path)
    files.log.write_text("".join(f"said {number}\n" for number in range(20)))
    with files.open_crash_log() as crash_log:
        crash_log.write(b"fatal error: no memory\n" + b"runtime.schedinit()\n" * 20)

    assert "said 19 | fatal error: no memory | " in files.last_words()


async def test_a_killed_server_comes_back_with_everything_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        embedded_server(tmp_path) as server,
        connect(server.url, user=server.user, password=server.password) as connection,
    ):
        store = await open_store(connection)
        position = await store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")
        back = asyncio.Event()
        connection.on_reconnect(back.set)

        os.kill(server.pid, signal.SIGKILL)

        async with asyncio.timeout(20):
            await back.wait()
        assert [one.position for one in await store.load(ANNA)] == [position]
        assert caplog.messages.count(ENDED) == 1


async def test_a_disk_that_is_full_at_the_restart_is_outlived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps = ["write_configuration", "remember"]

    def full(*_: object) -> None:
        fail_next()
        raise OSError(errno.ENOSPC, "No space left on device")

    def fail_next() -> None:
        monkeypatch.undo()
        if steps:
            monkeypatch.setattr(EmbeddedFiles, steps.pop(0), full)

    async with embedded_server(tmp_path) as server:
        fail_next()
        os.kill(server.pid, signal.SIGKILL)

        assert await reachable(server)
        assert caplog.messages.count(ENDED) == 3
        found = running_server(tmp_path)
        assert found is not None
        assert found.pid == server.pid


async def test_a_disk_that_is_full_at_the_end_keeps_nobody_from_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with embedded_server(tmp_path):
        monkeypatch.setattr(EmbeddedFiles, "remember", full)
    monkeypatch.undo()

    assert running_server(tmp_path) is None
    async with embedded_server(tmp_path) as server:
        assert await reachable(server)


async def test_that_nobody_watches_it_any_more_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with embedded_server(tmp_path) as server:
        monkeypatch.setattr(EmbeddedFiles, "write_configuration", broken)
        os.kill(server.pid, signal.SIGKILL)

        with pytest.raises(ZeroDivisionError):
            await server.until_unwatched()


@pytest.mark.parametrize("greeting", [b"INFO {", b"INFO []", b"INFO \xff\n", b"+OK\r\n"])
async def test_another_program_at_its_port_is_not_taken_for_it(
    tmp_path: Path, greeting: bytes
) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + b"\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        with pytest.raises(ServerDidNotStart, match="address already in use"):
            async with embedded_server(tmp_path, port=other.sockets[0].getsockname()[1]):
                pass


async def test_it_ends_with_the_context(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as server:
        identity = identity_of(server.pid)
        assert running_server(tmp_path) is not None

    assert identity is not None
    assert not is_running(identity)
    assert running_server(tmp_path) is None


async def test_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as server:
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_a_store_is_found_while_no_file_can_be_opened_and_missed_once_it_is_removed(
    tmp_path: Path,
) -> None:
    files = EmbeddedFiles(tmp_path)
    (files.store / "jetstream").mkdir(parents=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert files.has_store()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    shutil.rmtree(files.store)
    assert not files.has_store()
