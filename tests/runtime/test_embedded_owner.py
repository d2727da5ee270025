"""Whose the embedded nats-server is, and its folder: it goes with its owner, and what a crash left is found."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from msgspec.structs import replace

from runtime.child_process import ProcessIdentity, identity_of
from runtime.embedded_files import EmbeddedFiles, Remembered
from runtime.embedded_server import (
    ServerDidNotStart,
    ServerInUse,
    _Run,
    embedded_server,
    running_server,
)
from tests.process_tree import gone
from tests.runtime.reachable import reachable

PARENT = """
import asyncio, sys
from pathlib import Path
from runtime.embedded_server import embedded_server

async def main():
    async with embedded_server(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def start_parent(folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    """Another process of ours that runs an embedded server, and that server's process id."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(folder)), stdout=PIPE
    )
    assert parent.stdout is not None
    return parent, int(await parent.stdout.readline())


async def test_kill_9_of_its_parent_ends_it(tmp_path: Path) -> None:
    parent, server = await start_parent(tmp_path)

    parent.kill()

    assert await gone(server)
    await parent.wait()


async def test_others_find_the_server_of_a_living_process_and_cannot_take_it_over(
    tmp_path: Path,
) -> None:
    parent, pid = await start_parent(tmp_path)

    found = running_server(tmp_path)
    assert found is not None
    assert found.pid == pid
    assert await reachable(found)
    with pytest.raises(ServerInUse, match=str(parent.pid)):
        async with embedded_server(tmp_path):
            pass

    parent.terminate()
    await parent.wait()


async def test_a_copy_of_the_folder_of_a_running_server_is_a_folder_of_its_own(
    tmp_path: Path,
) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    parent, pid = await start_parent(original)
    shutil.copytree(original, copy)

    assert running_server(copy) is None
    async with embedded_server(copy) as server:
        assert server.pid != pid
        assert await reachable(server)
        found = running_server(original)
        assert found is not None
        assert await reachable(found)

    parent.terminate()
    await parent.wait()


async def test_nobody_takes_a_folder_over_while_its_owner_is_between_two_servers(
    tmp_path: Path,
) -> None:
    owner = await asyncio.create_subprocess_exec("sleep", "60")
    files = EmbeddedFiles(tmp_path)
    ended = ProcessIdentity(pid=owner.pid, started=0, boot="another")
    owned_by = identity_of(owner.pid)
    files.remember(Remembered(user="u", password="p", port=1, server=ended, owner=owned_by))
    before = files.remembered()

    with pytest.raises(ServerInUse, match=str(owner.pid)):
        async with embedded_server(tmp_path):
            pass

    assert before is not None
    assert files.remembered() == before
    owner.kill()
    await owner.wait()
    async with embedded_server(tmp_path) as server:
        assert await reachable(server)


async def test_a_restart_that_fails_does_not_let_go_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = 0

    async def silent(*_: object) -> None:
        nonlocal starts
        starts += 1
        raise ServerDidNotStart

    owners = set()
    async with embedded_server(tmp_path) as server:
        monkeypatch.setattr(_Run, "_wait_until_it_answers", silent)
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            # From before the first of them until after the pause behind it.
            while starts < 2:
                remembered = EmbeddedFiles(tmp_path).remembered()
                owners.add(remembered.owner if remembered else None)
                await asyncio.sleep(0.01)

    assert owners == {identity_of(os.getpid())}
    assert running_server(tmp_path) is None


async def test_what_a_crash_left_behind_is_ended_by_the_next_start(tmp_path: Path) -> None:
    leftover = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    await _remember_as_server(tmp_path, leftover.pid)

    async with embedded_server(tmp_path):
        async with asyncio.timeout(5):
            assert await leftover.wait() == -signal.SIGTERM


async def test_a_process_that_only_has_the_number_of_the_old_server_is_left_alone(
    tmp_path: Path,
) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    await _remember_as_server(tmp_path, stranger.pid, started=1)

    async with embedded_server(tmp_path):
        assert stranger.returncode is None
        assert identity_of(stranger.pid) is not None

    stranger.kill()
    await stranger.wait()


async def _remember_as_server(folder: Path, pid: int, *, started: int | None = None) -> None:
    """Make it look as if a process of ours, dead by now, had started `pid` as its nats-server."""
    async with embedded_server(folder):
        pass
    files = EmbeddedFiles(folder)
    state, identity = files.remembered(), identity_of(pid)
    assert state is not None
    assert identity is not None
    if started is not None:
        identity = replace(identity, started=started)
    files.remember(replace(state, server=identity, owner=replace(identity, started=2)))
