"""The file of the write side's index: after a restart or a kill, damaged, on a disk that takes nothing, of another log."""

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.directory import Directory
from commands.directory_file import version
from commands.keys import command_key
from events.codec import Undecodable
from events.commit import Commit
from events.memory import MemoryStore
from projectors import epoch
from runtime.errors import Unavailable
from tests import facts
from tests.commands.node import acme, key, node_on, task_of
from tests.commands.test_aggregates import put
from tests.not_as_root import not_as_root


async def test_a_restart_goes_on_where_the_file_ends(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "directory.sqlite3"
    async with node_on(memory_store, directory=file) as first:
        place = await acme(first)
        made = await task_of(first, place, key("create"))
        await first.reached(made.position)
    reopened = await Directory.open(file, memory_store)

    position = reopened.key_position(command_key(place.owner.user_id, "task.create", key("create")))

    assert reopened.checkpoint == await memory_store.head()
    assert position == made.position
    reopened.close()


async def test_a_file_of_another_log_is_started_afresh(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "directory.sqlite3"
    async with node_on(memory_store, directory=file) as node:
        made = await task_of(node, await acme(node))
        await node.reached(made.position)

    other = await Directory.open(file, MemoryStore())

    assert other.checkpoint == 0
    assert other.located(made.ids["task_id"]) is None
    other.close()


async def test_what_older_code_could_not_read_is_found_by_code_that_can(
    memory_store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "directory.sqlite3"
    recorded = await put(memory_store, facts.commit(facts.task_created()))
    with monkeypatch.context() as older:
        older.setattr(recorded, "decode", unreadable)
        older.setattr("commands.directory_file.version", lambda: version() - 1)
        before = await Directory.open(file, memory_store)
        await before.apply([recorded])
        assert (before.checkpoint, before.located("task_1")) == (1, None)
        before.close()

    now = await Directory.open(file, memory_store)
    await now.apply([recorded])

    assert now.located("task_1") is not None
    now.close()


def unreadable(_: bytes) -> Commit:
    raise Undecodable("of newer code")


def test_code_that_reads_other_events_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    now = version()
    source = epoch._source
    monkeypatch.setattr(epoch, "_module_digest", epoch._module_digest.__wrapped__)
    monkeypatch.setattr(
        epoch, "_source", lambda name: source(name) + "NEWER = 1\n" * (name == "events.process")
    )

    assert version.__wrapped__() != now


async def test_a_damaged_file_is_written_anew_by_the_next_start(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "directory.sqlite3"
    recorded = await put(memory_store, facts.commit(facts.task_created()))
    file.write_bytes(b"no database at all" * 1000)

    first = await Directory.open(file, memory_store)
    await first.apply([recorded])
    first.close()
    # How far it is can still be read, and nothing else.
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    later = await put(memory_store, facts.commit(facts.session_created()))
    broken = await Directory.open(file, memory_store)
    with pytest.raises(sqlite3.DatabaseError):
        await broken.apply([later])
    broken.close()
    second = await Directory.open(file, memory_store)
    await second.apply([recorded, later])

    found = [second.located(thing_id) for thing_id in ("task_1", "ses_1")]
    assert [one.kind for one in found if one] == ["task", "session"]
    second.close()


async def test_a_file_that_may_not_be_written_is_not_opened_to_be_read_only(
    memory_store: MemoryStore,
) -> None:
    with not_as_root() as folder:
        file = folder / "directory.sqlite3"
        (await Directory.open(file, memory_store)).close()
        file.chmod(0o444)

        with pytest.raises(PermissionError) as refusal:
            await Directory.open(file, memory_store)

    assert refusal.value.filename == str(file)


async def test_a_question_that_finds_the_file_damaged_has_it_written_anew_by_the_next_start(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "directory.sqlite3"
    recorded = await put(memory_store, facts.commit(facts.task_created()))
    first = await Directory.open(file, memory_store)
    await first.apply([recorded])
    first.close()
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    broken = await Directory.open(file, memory_store)

    with pytest.raises(sqlite3.DatabaseError):
        broken.located("task_1")
    broken.close()

    assert not file.exists()


async def test_what_a_kill_took_along_is_read_again(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    file = tmp_path / "directory.sqlite3"
    recorded = await put(memory_store, facts.commit(facts.task_created()))
    killed = await Directory.open(file, memory_store)
    await killed.apply([recorded])
    assert killed.located("task_1") is not None
    # As it would stand there after a kill.
    killed._file.close()

    now = await Directory.open(file, memory_store)
    assert (now.checkpoint, now.located("task_1")) == (0, None)
    await now.apply([recorded])

    assert now.located("task_1") is not None
    now.close()


async def test_what_the_disk_refuses_is_undone_back_to_what_it_took(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    directory = await Directory.open(tmp_path / "directory.sqlite3", memory_store)
    history = [
        await put(memory_store, facts.commit(facts.task_created(), command_id=key(f"{number}")))
        for number in range(400)
    ]
    await directory.apply(history[:1])
    database = directory._file._db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(sqlite3.OperationalError, match="full"):
        await directory.apply(history[1:])
    undone = (directory.checkpoint, directory.located("task_1"))
    with pytest.raises(Unavailable):
        await directory.reached(history[0].position, within=0)
    database.execute("PRAGMA max_page_count = 100000")
    await directory.apply(history)

    assert undone == (0, None)
    assert directory.checkpoint == history[-1].position
    assert directory.located("task_1") is not None
    directory.close()


async def test_a_cut_that_took_only_what_is_not_in_the_file_yet_is_found(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    directory = await Directory.open(tmp_path / "directory.sqlite3", memory_store)
    await directory.apply([await put(memory_store, facts.commit(facts.task_created()))])
    directory._store = MemoryStore()

    await directory.verify()

    assert (directory.checkpoint, directory.located("task_1")) == (0, None)
    directory.close()


async def test_a_log_is_compared_also_while_the_disk_takes_nothing(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    directory = await Directory.open(tmp_path / "directory.sqlite3", memory_store)
    recorded = await put(memory_store, facts.commit(facts.task_created()))
    await directory.apply([recorded])

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        fits = await directory.fits_the_log()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert fits
    assert directory.checkpoint == recorded.position
    assert directory.located("task_1") is not None
    directory.close()


async def test_what_is_undone_by_a_question_that_could_not_be_read_is_read_again(
    memory_store: MemoryStore, tmp_path: Path
) -> None:
    path = tmp_path / "directory.sqlite3"
    directory = await Directory.open(path, memory_store)
    first = await put(memory_store, facts.commit(facts.organization_created()))
    second = await put(memory_store, facts.commit(facts.task_created(), command_id=key("2")))
    await directory.apply([first])
    directory._file._db.execute("PRAGMA shrink_memory")

    with nothing_to_read_at(path):
        with pytest.raises(sqlite3.OperationalError, match="I/O"):
            directory.hosts()
        lost = directory.lost_commits
        with pytest.raises(OSError, match="error"):
            await directory.apply([second])
    stands = directory.checkpoint
    await directory.apply([first, second])

    assert (lost, stands, directory.lost_commits) == (True, 0, False)
    assert directory.organizations_of(facts.ANNA) == ["org_1"]
    assert directory.located("task_1") is not None
    directory.close()


@contextmanager
def nothing_to_read_at(path: Path) -> Iterator[None]:
    """Reads of a file that is open, and of its write-ahead log, fail: a folder stands where they stood."""
    parts = {str(path), f"{path}-wal"}
    numbers = [int(one.name) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    opened = [number for number in numbers if _target(number) in parts]
    kept = [os.dup(number) for number in opened]
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        for number in opened:
            os.dup2(folder, number)
        yield
    finally:
        for number, copy in zip(opened, kept, strict=True):
            os.dup2(copy, number)
        for number in (*kept, folder):
            os.close(number)


def _target(number: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None
