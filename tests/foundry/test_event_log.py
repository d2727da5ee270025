"""Which nats-server a command of the CLI works on, and that no two ever work in one folder."""

from pathlib import Path

import pytest

from foundry.data_folder import is_locked, locked
from foundry.event_log import any_log
from runtime.errors import Unavailable
from runtime.settings import Settings


async def test_a_command_starts_no_server_in_a_folder_that_somebody_has(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))

    with locked(tmp_path), pytest.raises(Unavailable, match="does not run at this moment"):
        async with any_log(settings):
            pass

    assert not (tmp_path / "nats").exists()


async def test_a_command_holds_the_folder_while_its_own_server_runs(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))

    async with any_log(settings), any_log(settings) as log:
        assert is_locked(tmp_path)
        assert await log.store.head() == 0

    assert not is_locked(tmp_path)
