"""Which nats-server a command of the CLI works on, and that no two ever work in one folder."""

from pathlib import Path

import pytest

from foundry.data_folder import is_locked, locked
from foundry.event_log import any_log
from foundry.running import own_node
from runtime.errors import Unavailable
from runtime.settings import Settings


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
