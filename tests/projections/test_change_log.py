"""The change log is bounded, and never lets a client believe it was told everything when it was not."""

import sqlite3
from contextlib import closing
from pathlib import Path

from events.ids import Position
from projectors.file import PRUNE_EVERY, ProjectionFile, TopicVersion
from projectors.views import Change


def log_changes(file: ProjectionFile, count: int, *, size: int = 10) -> None:
    for _ in range(count):
        version = Position(file.version("t") + 1)
        change = Change(
            topic="t",
            epoch="e",
            base=Position(version - 1),
            version=version,
            changes=b"x" * size,
            cause=b"",
        )
        with file.transaction():
            file.write_topics([TopicVersion("t", version, False)])
            file.write_changes([change])


def kept(file: ProjectionFile) -> list[int]:
    with closing(sqlite3.connect(file.path)) as db:
        return [row[0] for row in db.execute("SELECT position FROM changes ORDER BY n")]


def test_only_the_newest_changes_are_kept(tmp_path: Path) -> None:
    file = ProjectionFile(tmp_path / "a.sqlite3", numbered=frozenset(), kept_changes=50)
    log_changes(file, 50 + PRUNE_EVERY + 10)

    assert kept(file)[-1] == 50 + PRUNE_EVERY + 10
    assert 50 <= len(kept(file)) <= 50 + PRUNE_EVERY
    file.close()


def test_large_changes_make_the_log_shorter_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    file = ProjectionFile(path, numbered=frozenset(), kept_bytes=100_000)
    log_changes(file, 60, size=1000)
    file.close()
    file = ProjectionFile(path, numbered=frozenset(), kept_bytes=100_000)
    log_changes(file, 60, size=1000)

    assert 75 <= len(kept(file)) <= 101
    assert kept(file)[-1] == 120
    file.close()
