"""A log whose newest commits are damaged on the disk: nats-server counts them and does not have them."""

from pathlib import Path

import pytest

from events.ids import BEGINNING, Position
from events.jetstream import open_store
from events.store import subject_of
from runtime.connection import connect
from runtime.embedded_server import embedded_server
from tests.contracts.sample_commits import commit, fill, take

COMMITS = 12


@pytest.mark.parametrize("damaged", [1, 2, 5])
async def test_the_head_is_the_newest_commit_that_can_be_read(
    tmp_path: Path, damaged: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        embedded_server(tmp_path) as server,
        connect(server.url, user=server.user, password=server.password) as connection,
    ):
        await fill(await open_store(connection), COMMITS)
    damage_the_end(tmp_path, damaged)

    async with (
        embedded_server(tmp_path) as server,
        connect(server.url, user=server.user, password=server.password) as connection,
    ):
        store = await open_store(connection)
        whole = COMMITS - damaged
        assert (await store.head(), await store.end()) == (whole, COMMITS)
        assert await store.head() == whole
        assert len(await take(store, BEGINNING, whole)) == whole
        other = subject_of("task", "task_other")
        later = await store.append(other, commit(), expected=BEGINNING, message_id="later")
        assert (later, await store.head()) == (COMMITS + 1, COMMITS + 1)
        assert (await take(store, Position(whole), 1))[0].position == later

    told = [one for one in caplog.messages if "the end of the log cannot be read" in one]
    assert len(told) == 1


def damage_the_end(folder: Path, commits: int) -> None:
    (block,) = folder.rglob("EVENTS/msgs/*.blk")
    content = bytearray(block.read_bytes())
    each = len(content) // COMMITS
    for number in range(commits):
        content[-number * each - each // 2] ^= 0xFF
    block.write_bytes(content)
