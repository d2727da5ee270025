"""Shared reads of the last commit of a history: many commands at once ask about the same users and organizations."""

import asyncio

from events.commit import Recorded
from events.store import EventStore

_Asked = asyncio.Future[Recorded | None]


class Heads:
    """At most one read of a subject is under way; all who ask meanwhile share the one after it.

    The one under way may have looked before they asked, and an answer must not be older than its question.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._asked: dict[str, list[_Asked]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def last(self, subject: str) -> Recorded | None:
        """The last commit of a subject at this moment or later. Raises what the store raises."""
        # Each asker has a future of its own: one that gives up leaves the others their answer.
        asked: _Asked = asyncio.get_running_loop().create_future()
        self._asked.setdefault(subject, []).append(asked)
        if subject not in self._reading:
            reading = self._read(subject)
            self._reading[subject] = asyncio.create_task(reading, name=f"head of {subject}")
        return await asked

    async def _read(self, subject: str) -> None:
        """Read as long as somebody asks."""
        try:
            while together := self._asked.pop(subject, None):
                try:
                    found = await self._store.last(subject)
                except Exception as error:
                    for asked in together:
                        if not asked.done():
                            asked.set_exception(error)
                else:
                    for asked in together:
                        if not asked.done():
                            asked.set_result(found)
        finally:
            del self._reading[subject]
