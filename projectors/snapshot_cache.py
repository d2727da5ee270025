"""Snapshots that are still current, bounded in bytes; who asks for one that is being read shares that read."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from projectors.views import Snapshot

Read = Callable[[str], Coroutine[Any, Any, Snapshot | None]]
"""Reads a topic's snapshot, None when there is no such topic."""

CAPACITY = 64 * 1024 * 1024


class SnapshotCache:
    """Least recently used out first. A read that began before its topic changed is not kept."""

    def __init__(self) -> None:
        self._kept: dict[str, Snapshot] = {}
        self._bytes = 0
        self._reading: dict[str, asyncio.Task[Snapshot | None]] = {}

    def kept(self, topic: str) -> Snapshot | None:
        snapshot = self._kept.pop(topic, None)
        if snapshot is not None:
            self._kept[topic] = snapshot
        return snapshot

    async def get(self, topic: str, read: Read) -> Snapshot | None:
        """What is kept, else what `read` gives: one read and one copy for all who ask before the topic changes again."""
        if snapshot := self.kept(topic):
            return snapshot
        reading = self._reading.get(topic)
        if reading is None:
            reading = self._reading[topic] = asyncio.create_task(read(topic), name=f"read {topic}")
            reading.add_done_callback(partial(self._end_read, topic))
        # One who goes away leaves it to the others.
        return await asyncio.shield(reading)

    def outdate(self, topics: Iterable[str]) -> None:
        """These topics changed: what is kept, or being read, is no longer true."""
        for topic in topics:
            self._reading.pop(topic, None)
            self._drop(topic)

    def clear(self) -> None:
        self._reading.clear()
        self._kept.clear()
        self._bytes = 0

    # --- Inside ---

    def _end_read(self, topic: str, reading: asyncio.Task[Snapshot | None]) -> None:
        failed = reading.cancelled() or reading.exception() is not None
        if self._reading.get(topic) is not reading:
            return
        del self._reading[topic]
        snapshot = None if failed else reading.result()
        if snapshot is None or len(snapshot.data) > CAPACITY // 4:
            return
        self._kept[topic] = snapshot
        self._bytes += len(snapshot.data)
        while self._bytes > CAPACITY:
            self._drop(next(iter(self._kept)))

    def _drop(self, topic: str) -> None:
        snapshot = self._kept.pop(topic, None)
        if snapshot is not None:
            self._bytes -= len(snapshot.data)
