"""Finds, every second or so, open jobs that nobody works on: no hint reached anybody, or the worker is gone."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from commands.directory import Directory, OpenJob
from events.ids import JobId
from runtime.errors import FoundryError
from runtime.pulse import Pulse
from workflows.announcements import Announcements
from workflows.host_watch import HostWatch
from workflows.job_lanes import JobLanes
from workflows.presence import Presence

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
IDLE_SECONDS = 3.0
"""A job on which nobody has worked for this long is taken up: until then whoever was told of it may do so."""

ROUND_SECONDS = 300.0
"""How long one sweep may take: many idle jobs take a while."""


class JobSweep:
    def __init__(
        self,
        *,
        directory: Directory,
        announcements: Announcements,
        lanes: JobLanes,
        presence: Presence,
        hosts: HostWatch,
        host: str,
    ) -> None:
        self._directory = directory
        self._announcements = announcements
        self._lanes = lanes
        self._presence = presence
        self._hosts = hosts
        self._host = host
        self.pulse = Pulse("job sweep", within=ROUND_SECONDS)
        self._idle_since: dict[JobId, float] = {}

    async def run(self) -> None:
        """Sweep until cancelled, at random moments, so that workers do not all look at the same job."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS * (0.5 + random.random()))
            try:
                with self.pulse.round():
                    await self.sweep()
                    await self._hosts.look()
            except FoundryError as error:
                log.warning("sweep is tried again", extra={"reason": error.detail})

    async def recover(self) -> None:
        """Take up, at the start, every open job that may be ours."""
        await self._want(self._directory.open_jobs())

    async def sweep(self) -> None:
        """Take up what has been idle for long enough."""
        now = asyncio.get_running_loop().time()
        idle = [
            job
            for job in self._directory.open_jobs()
            if job.job_id not in self._lanes
            and is_idle(job, here=self._host, away=self._presence.away, gone=self._presence.gone)
        ]
        since = {job.job_id: self._idle_since.get(job.job_id, now) for job in idle}
        due = [job for job in idle if now - since[job.job_id] >= IDLE_SECONDS]
        for job in due:
            del since[job.job_id]
        self._idle_since = since
        await self._want(due)

    async def _want(self, jobs: Sequence[OpenJob]) -> None:
        for job in jobs:
            announcement = await self._announcements.of_open_job(job)
            if announcement is not None and job.job_id not in self._lanes:
                self._lanes.want(announcement)


def is_idle(
    job: OpenJob, *, here: str, away: Callable[[str], bool], gone: Callable[[str], bool]
) -> bool:
    """Whether nobody works on a job, so that this worker, which does not have it in hand, may take it."""
    if job.sandbox_host is not None:
        # Of a host that stays away only what can do without it is run; that is decided on its state.
        return job.sandbox_host == here or away(job.sandbox_host)
    return job.started_on is None or job.started_on == here or gone(job.started_on)
