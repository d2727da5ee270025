"""Snapshots that were read and are still true, bounded in bytes."""

from collections.abc import Iterable

from projectors.views import Snapshot

CAPACITY = 64 * 1024 * 1024


class SnapshotCache:
    """Least recently used out first. A read that began before its topic changed is not kept."""

    def __init__(self) -> None:
        self._kept: dict[str, Snapshot] = {}
        self._bytes = 0
        self._reading: dict[str, object] = {}

    def get(self, topic: str) -> Snapshot | None:
        snapshot = self._kept.pop(topic, None)
        if snapshot is not None:
            self._kept[topic] = snapshot
        return snapshot

    def begin_read(self, topic: str) -> object:
        """Call before reading; what it gives goes to `end_read` with the snapshot."""
        return self._reading.setdefault(topic, object())

    def end_read(self, topic: str, ticket: object, snapshot: Snapshot | None) -> None:
        if self._reading.get(topic) is not ticket:
            return
        del self._reading[topic]
        if snapshot is None or len(snapshot.data) > CAPACITY // 4:
            return
        self._kept[topic] = snapshot
        self._bytes += len(snapshot.data)
        while self._bytes > CAPACITY:
            self._drop(next(iter(self._kept)))

    def outdate(self, topics: Iterable[str]) -> None:
        """These topics changed: what is kept, or being read, is no longer true."""
        for topic in topics:
            self._reading.pop(topic, None)
            self._drop(topic)

    def clear(self) -> None:
        self._reading.clear()
        self._kept.clear()
        self._bytes = 0

    def _drop(self, topic: str) -> None:
        snapshot = self._kept.pop(topic, None)
        if snapshot is not None:
            self._bytes -= len(snapshot.data)
