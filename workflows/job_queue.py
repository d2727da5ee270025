"""The jobs that wait for this worker, and which of them may run now: bounded in all, per kind, and per repository."""

import asyncio
from collections.abc import Iterable, Mapping

from events.ids import JobId
from workflows.announcements import Announcement
from workflows.job_kind import JobKind


class JobQueue:
    """Holds open jobs only, each once, so that what waits here is bounded by what is open in the log."""

    def __init__(self, kinds: Mapping[str, JobKind], *, lanes: int) -> None:
        self._kinds = kinds
        self._lanes = lanes
        self._waiting: dict[JobId, Announcement] = {}
        self._running: dict[JobId, Announcement] = {}
        self._changed = asyncio.Event()

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._waiting or job_id in self._running

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, announcement: Announcement) -> None:
        """Let a job of a known kind wait; one that runs is looked at once more when it has ended."""
        self._waiting[announcement.event.job_id] = announcement
        self._changed.set()

    async def take(self) -> Announcement:
        """The first that may run, once there is one; `done` has to be called for it."""
        while True:
            found = first_runnable(
                self._waiting.values(), self._running.values(), self._kinds, lanes=self._lanes
            )
            if found is not None:
                del self._waiting[found.event.job_id]
                self._running[found.event.job_id] = found
                self._changed.set()
                return found
            await self._change()

    def done(self, job_id: JobId) -> None:
        """The job's place is free."""
        self._running.pop(job_id, None)
        self._changed.set()

    async def room(self) -> None:
        """Wait until fewer jobs wait than may run: who has enough to do asks for no more."""
        while len(self._waiting) >= self._lanes:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def first_runnable(
    waiting: Iterable[Announcement],
    running: Iterable[Announcement],
    kinds: Mapping[str, JobKind],
    *,
    lanes: int,
) -> Announcement | None:
    """The job that waited longest of those whose kind and repository have a place free."""
    now = [one.event for one in running]
    if len(now) >= lanes:
        return None
    for candidate in waiting:
        wanted = candidate.event
        kind = kinds[wanted.kind]
        same = [one for one in now if one.kind == wanted.kind]
        beside = [one for one in same if one.repository_id == wanted.repository_id]
        if (
            len(same) < kind.at_once
            and len(beside) < kind.per_repository
            and all(one.job_id != wanted.job_id for one in now)
        ):
            return candidate
    return None
