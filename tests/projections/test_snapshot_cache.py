"""What is kept of snapshots is bounded in bytes, and a read that failed is nobody's answer later."""

import pytest

from events.ids import Position
from projectors import snapshot_cache
from projectors.snapshot_cache import SnapshotCache
from projectors.views import Snapshot, snapshot_of

ROOM = 1000


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_cache, "CAPACITY", ROOM)


class Rows:
    """What a cache reads; `asked` are the topics, in order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.asked: list[str] = []
        self.broken = False

    async def read(self, topic: str) -> Snapshot | None:
        self.asked.append(topic)
        if self.broken:
            raise OSError("the disk does not answer")
        data = b"x" * self._size
        return snapshot_of(topic, epoch="e", version=Position(1), data=data)


async def test_of_more_than_there_is_room_for_what_was_asked_for_longest_ago_is_forgotten() -> None:
    cache, rows = SnapshotCache(), Rows(ROOM // 4)
    for topic in ("a", "b", "c", "d", "a", "e"):
        await cache.get(topic, rows.read)
    assert rows.asked == ["a", "b", "c", "d", "e"]

    kept = [topic for topic in "abcde" if cache.kept(topic)]

    assert kept == ["a", "c", "d", "e"]


async def test_a_snapshot_that_would_take_much_of_the_room_is_not_kept() -> None:
    cache, rows = SnapshotCache(), Rows(ROOM // 4 + 1)
    await cache.get("a", rows.read)

    assert cache.kept("a") is None


async def test_what_changed_leaves_its_room_to_others() -> None:
    cache, rows = SnapshotCache(), Rows(ROOM // 4)
    for topic in "abcd":
        await cache.get(topic, rows.read)
    cache.outdate("ab")
    for topic in "ef":
        await cache.get(topic, rows.read)

    assert [topic for topic in "abcdef" if cache.kept(topic)] == ["c", "d", "e", "f"]


async def test_after_a_read_that_failed_the_next_who_asks_reads_again() -> None:
    cache, rows = SnapshotCache(), Rows(10)
    rows.broken = True
    with pytest.raises(OSError, match="does not answer"):
        await cache.get("a", rows.read)
    rows.broken = False

    assert await cache.get("a", rows.read) is not None
    assert rows.asked == ["a", "a"]
