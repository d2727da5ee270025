"""Whose files are looked at again and again, because something is at work on them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from events.ids import TaskId

WATCH_SECONDS = 3.0
WATCH_REST = 9
"""Looking takes a tenth of the time at most, however many tasks are watched."""

AFTERWARDS_SECONDS = 60.0
"""A process may run for days and mostly do nothing: so long after a sign of life its files are watched."""


class FileWatch:
    """`look` is done for all tasks that are watched, one after the other."""

    def __init__(self, look: Callable[[TaskId], Awaitable[None]]) -> None:
        self._look = look
        self._at_work: dict[TaskId, int] = {}
        self._until: dict[TaskId, float] = {}

    @contextmanager
    def during(self, task_id: TaskId) -> Iterator[None]:
        """Look at this task's files every few seconds meanwhile."""
        self._at_work[task_id] = self._at_work.get(task_id, 0) + 1
        try:
            yield
        finally:
            self._at_work[task_id] -= 1
            if not self._at_work[task_id]:
                del self._at_work[task_id]

    def after_a_sign(self, task_id: TaskId) -> None:
        """Something that may go on for ever has just done something: look for a while."""
        self._until[task_id] = time.monotonic() + AFTERWARDS_SECONDS

    async def run(self) -> None:
        """Look, until cancelled."""
        rest = WATCH_SECONDS
        while True:
            await asyncio.sleep(rest)
            began = time.monotonic()
            for task_id in self._watched(began):
                await self._look(task_id)
            rest = max(WATCH_SECONDS, WATCH_REST * (time.monotonic() - began))

    def _watched(self, now: float) -> set[TaskId]:
        # Those whose time is up are looked at once more: something may have been done since the last look.
        watched = self._at_work.keys() | self._until.keys()
        self._until = {task_id: until for task_id, until in self._until.items() if until > now}
        return watched
