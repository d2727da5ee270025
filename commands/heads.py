"""Shared reads of the last commit of a history: many commands at once ask about the same users and organizations."""

import asyncio

from events.commit import Recorded
from events.store import EventStore


class Heads:
    """At most one read of a subject is under way, and at most one waits to be sent.

    A caller joins the waiting one, never the one under way: an answer is never older than its question.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._under_way: dict[str, asyncio.Task[Recorded | None]] = {}
        self._next: dict[str, asyncio.Task[Recorded | None]] = {}

    async def last(self, subject: str) -> Recorded | None:
        """The last commit of a subject at this moment or later. Raises what the store raises."""
        read = self._next.get(subject)
        if read is None:
            before = self._under_way.get(subject)
            read = asyncio.create_task(self._read(subject, before), name=f"head of {subject}")
            self._next[subject] = read
        # One asker that gives up leaves the others their answer.
        return await asyncio.shield(read)

    async def _read(
        self, subject: str, before: asyncio.Task[Recorded | None] | None
    ) -> Recorded | None:
        if before is not None:
            await asyncio.wait([before])
        mine = self._under_way[subject] = self._next.pop(subject)
        try:
            return await self._store.last(subject)
        finally:
            if self._under_way.get(subject) is mine:
                del self._under_way[subject]
