"""What a writer put into its write-ahead log gets into the file while it goes on, and the log stays small."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.write_ahead import WriteAheadLog

KB = 1024
UNSETTLED = 256 * KB
ROW = 4 * KB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE rows (value)")
        yield db


async def write(db: sqlite3.Connection, ahead: WriteAheadLog, rows: int) -> None:
    for _ in range(rows):
        db.execute("INSERT INTO rows VALUES (zeroblob(?))", (ROW,))
        ahead.wrote(2 * ROW)
        await ahead.settle()


def settling() -> list[asyncio.Task[None]]:
    """The moves that are under way beside the writer."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("settling ")]


async def test_the_log_stays_small_however_much_is_written(
    path: Path, writer: sqlite3.Connection
) -> None:
    ahead = WriteAheadLog(path, unsettled=UNSETTLED, most=4 * UNSETTLED)

    await write(writer, ahead, 3000)

    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size < 20 * UNSETTLED
    assert path.stat().st_size > 3000 * ROW - 20 * UNSETTLED
    assert writer.execute("SELECT count(*) FROM rows").fetchone() == (3000,)


async def test_little_is_left_where_it_is(path: Path, writer: sqlite3.Connection) -> None:
    before = path.stat().st_size

    await write(writer, WriteAheadLog(path, unsettled=UNSETTLED), 10)

    assert settling() == []
    assert path.stat().st_size == before


async def test_a_file_that_was_taken_away_is_not_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = WriteAheadLog(tmp_path / "gone.sqlite3", unsettled=UNSETTLED)

    ahead.wrote(UNSETTLED + 1)
    await ahead.settle()
    (move,) = settling()
    await move
    await ahead.settle()

    assert list(tmp_path.iterdir()) == []
    assert "was not moved" in caplog.text
