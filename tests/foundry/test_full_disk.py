"""A log whose disk takes nothing: what the node says of it, and that it goes on by itself once there is room."""

import asyncio
import resource
import shutil
from pathlib import Path

import pytest

from events.commit import Commit
from events.ids import BEGINNING, Timestamp, UserId
from events.store import subject_of
from events.user import UserCreated
from foundry import full_disk
from foundry.doctor import _disk
from foundry.running import own_node
from runtime.errors import Unavailable
from runtime.settings import Settings

MORE_THAN_ANY_DISK_HAS = 1 << 62
WITHIN = 30.0


async def test_a_log_that_takes_no_commits_is_not_ready_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=str(tmp_path))
    event = UserCreated(user_id=UserId("usr_ann"), name="Ann")
    commit = Commit(at=Timestamp(1), actor=event.user_id, events=(event,))
    async with own_node(settings, frozenset({"commands"})) as node:
        assert node.log.server is not None
        append = node.log.store.append
        resource.prlimit(node.log.server.pid, resource.RLIMIT_FSIZE, (1, 1))
        monkeypatch.setattr(full_disk, "ROOM_BYTES", MORE_THAN_ANY_DISK_HAS)

        with pytest.raises(Unavailable, match="does not take commits"):
            await append(subject_of("user", "usr_ann"), commit, expected=BEGINNING, message_id="1")

        (reason,) = node.reasons_not_ready()
        assert reason.startswith("stuck: the log takes no commits (")
        assert f"MiB free at {tmp_path / 'nats'}" in reason

        monkeypatch.undo()
        async with asyncio.timeout(WITHIN):
            while node.reasons_not_ready():
                await asyncio.sleep(0.05)
        await append(subject_of("user", "usr_ann"), commit, expected=BEGINNING, message_id="1")
        assert node.reasons_not_ready() == []


async def test_a_server_that_is_being_started_is_left_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(full_disk, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(full_disk, "BETWEEN_SECONDS", 0.0)
    event = UserCreated(user_id=UserId("usr_ann"), name="Ann")
    commit = Commit(at=Timestamp(1), actor=event.user_id, events=(event,))
    configuration = tmp_path / "nats" / "server.new"
    async with own_node(Settings(data=str(tmp_path)), frozenset({"commands"})) as node:
        server, store = node.log.server, node.log.store
        assert server is not None
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, 1))
        configuration.mkdir()
        with pytest.raises(Unavailable, match="does not take commits"):
            await store.append(
                subject_of("user", "usr_ann"), commit, expected=BEGINNING, message_id="1"
            )
        async with asyncio.timeout(WITHIN):
            while node.log.connection.connected:
                await asyncio.sleep(0.01)
        caplog.clear()
        async with asyncio.timeout(WITHIN):
            while server.trouble is None:
                await asyncio.sleep(0.01)

        assert "starting it anew" not in caplog.text
        configuration.rmdir()


async def test_a_log_whose_files_were_removed_takes_no_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundry.liveness.SILENT_SECONDS", 0.1)
    event = UserCreated(user_id=UserId("usr_ann"), name="Ann")
    commit = Commit(at=Timestamp(1), actor=event.user_id, events=(event,))
    async with own_node(Settings(data=str(tmp_path)), frozenset({"commands"})) as node:
        shutil.rmtree(tmp_path / "nats" / "jetstream")

        async with asyncio.timeout(WITHIN):
            while "EVENTS is not there" not in " ".join(node.reasons_not_ready()):
                await asyncio.sleep(0.05)

        with pytest.raises(Unavailable):
            await node.log.store.append(
                subject_of("user", "usr_ann"), commit, expected=BEGINNING, message_id="1"
            )


async def test_a_log_whose_whole_folder_was_removed_refuses_commits_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Before the node itself notices.
    monkeypatch.setattr(full_disk, "LOOK_SECONDS", 3600.0)
    event = UserCreated(user_id=UserId("usr_ann"), name="Ann")
    commit = Commit(at=Timestamp(1), actor=event.user_id, events=(event,))
    async with own_node(Settings(data=str(tmp_path)), frozenset({"commands"})) as node:
        assert node.log.server is not None
        resource.prlimit(node.log.server.pid, resource.RLIMIT_FSIZE, (1, 1))
        shutil.rmtree(tmp_path / "nats")

        with pytest.raises(Unavailable, match="does not take commits"):
            await node.log.store.append(
                subject_of("user", "usr_ann"), commit, expected=BEGINNING, message_id="1"
            )

        (reason,) = node.reasons_not_ready()
        assert reason.startswith("stuck: the log takes no commits (No such file or directory")


def test_a_disk_that_cannot_be_written_is_a_finding(tmp_path: Path) -> None:
    assert full_disk.no_room(tmp_path) is None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        finding = _disk(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not finding.well
    assert finding.detail == f"File too large: {tmp_path}"


async def test_why_an_embedded_server_does_not_start_again_is_said(tmp_path: Path) -> None:
    async with own_node(Settings(data=str(tmp_path)), frozenset({"commands"})) as node:
        assert node.log.server is not None
        configuration = tmp_path / "nats" / "server.new"
        configuration.mkdir()

        node.log.server.start_anew()

        async with asyncio.timeout(WITHIN):
            while "Is a directory" not in " ".join(node.reasons_not_ready()):
                await asyncio.sleep(0.05)
        assert node.reasons_not_ready()[0].startswith(
            "disconnected: there is no connection to NATS (its server does not start: "
        )
        configuration.rmdir()
        async with asyncio.timeout(WITHIN):
            while node.reasons_not_ready():
                await asyncio.sleep(0.05)
