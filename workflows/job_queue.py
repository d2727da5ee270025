"""The jobs that wait for this worker, and which of them may run now: bounded in all, per kind, repository and remote."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from events.ids import JobId
from events.job import JobAnnounced
from workflows.announcements import Announcement
from workflows.git_lanes import Lane, lane_to
from workflows.job_kind import JobKind


class JobQueue:
    """Holds open jobs only, each once, so that what waits here is bounded by what is open in the log."""

    def __init__(self, kinds: Mapping[str, JobKind], *, lanes: int) -> None:
        self._kinds = kinds
        self._lanes = lanes
        self._waiting: dict[JobId, Announcement] = {}
        self._running: dict[JobId, Announcement] = {}
        self._untold: dict[JobId, Announcement] = {}
        self._changed = asyncio.Event()

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._waiting or job_id in self._running

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, announcement: Announcement) -> None:
        """Let a job of a known kind wait; one that runs is looked at once more when it has ended."""
        self._waiting[announcement.event.job_id] = announcement
        self._untold[announcement.event.job_id] = announcement
        self._changed.set()

    def leave(self, job_id: JobId) -> None:
        """Let a job wait no more, if it does: so that it keeps no others from being asked for."""
        if self._waiting.pop(job_id, None) is not None:
            self._untold.pop(job_id, None)
            self._changed.set()

    def clear(self) -> None:
        """Let none wait any more; what runs is not touched."""
        self._waiting.clear()
        self._untold.clear()
        self._changed.set()

    async def take(self) -> Announcement:
        """The first that may run, once there is one; `done` has to be called for it."""
        while True:
            found = self._first_runnable()
            if found is not None:
                del self._waiting[found.event.job_id]
                self._untold.pop(found.event.job_id, None)
                self._running[found.event.job_id] = found
                self._changed.set()
                return found
            await self._change()

    async def held_up(self) -> Sequence[Announcement]:
        """Those that wait because nothing more may run, each once for every time it was put here."""
        while True:
            if self._untold and self._first_runnable() is None:
                told = tuple(self._untold.values())
                self._untold.clear()
                return told
            await self._change()

    def done(self, job_id: JobId) -> None:
        """The job's place is free."""
        self._running.pop(job_id, None)
        self._changed.set()

    async def room(self) -> None:
        """Wait until fewer jobs wait than may run: who has enough to do asks for no more."""
        while len(self._waiting) >= self._lanes:
            await self._change()

    def _first_runnable(self) -> Announcement | None:
        return first_runnable(
            self._waiting.values(), self._running.values(), self._kinds, lanes=self._lanes
        )

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
    """The job that waited longest of those whose kind, repository and remote have a place free."""
    now = [one.event for one in running]
    if len(now) >= lanes:
        return None
    for candidate in waiting:
        wanted = candidate.event
        kind = kinds[wanted.kind]
        same = [one for one in now if one.kind == wanted.kind]
        beside = [one for one in same if one.repository_id == wanted.repository_id]
        remote = _remote(wanted)
        there = [one for one in same if remote is not None and _remote(one) == remote]
        if (
            len(same) < kind.at_once
            and len(beside) < kind.per_repository
            and len(there) < kind.per_remote
            and all(one.job_id != wanted.job_id for one in now)
            and not _would_fill(same, wanted, places=kind.at_once)
            and not _would_fill(now, wanted, places=lanes)
        ):
            return candidate
    return None


def _would_fill(running: Sequence[JobAnnounced], wanted: JobAnnounced, *, places: int) -> bool:
    """Whether all places were one remote's: should it never answer, all others would wait for it."""
    remote = _remote(wanted)
    if remote is None or not 0 < len(running) == places - 1:
        return False
    return all(_remote(one) == remote for one in running)


def _remote(announced: JobAnnounced) -> Lane | None:
    remote_url = announced.input.get("remote_url")
    return None if remote_url is None else lane_to(remote_url)
