"""Which nats-server a command of the CLI works on, and that no two ever work in one folder."""

from pathlib import Path

import pytest

from events.jetstream import open_store
from foundry.data_folder import is_locked, locked
from foundry.event_log import EventLog, any_log
from foundry.running import own_node
from projectors.build import StoreAddress
from runtime.connection import connect
from runtime.errors import Unavailable
from runtime.settings import Settings
from tests.contracts.sample_commits import fill
from tests.nats_process import nats_server_in


async def test_a_command_starts_no_server_in_a_folder_that_somebody_has(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))

    with locked(tmp_path), pytest.raises(Unavailable, match="runs there at this moment; try again"):
        async with any_log(settings):
            pass

    assert not (tmp_path / "nats").exists()


async def test_a_command_holds_the_folder_while_its_own_server_runs(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))

    async with any_log(settings), any_log(settings) as log:
        assert is_locked(tmp_path)
        assert await log.store.head() == 0

    assert not is_locked(tmp_path)


async def test_a_command_begins_no_log_where_one_is_missing(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))
    async with any_log(settings) as log:
        answer = await log.connection.request("$JS.API.STREAM.DELETE.EVENTS", b"", within=5)
        assert b'"success":true' in answer.data

        with pytest.raises(Unavailable, match="EVENTS is not there"):
            await use(settings)

    # Nor with a server of its own, nor one that builds the read side from the log.
    for using in (any_log(settings), own_node(settings, frozenset({"read"}))):
        with pytest.raises(Unavailable, match="EVENTS is not there"):
            async with using:
                pass


async def use(settings: Settings) -> None:
    async with any_log(settings):
        pass


async def test_a_log_that_has_no_room_left_is_told_in_the_servers_own_words(tmp_path: Path) -> None:
    with nats_server_in(tmp_path, limits={"max_file": 10_000, "max_memory": -1}) as nats:
        async with connect(nats.url, user=nats.user, password=nats.password) as connection:
            store = await open_store(connection, attempt=0.5, patience=0.5)
            nowhere = StoreAddress(factory="", arguments={})
            log = EventLog(
                store=store, connection=connection, durability="unknown", address=nowhere
            )
            before = log.reasons_not_ready()

            with pytest.raises(Unavailable):
                await fill(store, 200)

            (reason,) = log.reasons_not_ready()

    assert before == []
    assert reason == (
        "stuck: the log takes no commits (resource limits exceeded for account (400, 10002))"
    )
