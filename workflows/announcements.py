"""What a job was announced with: told by the log as it happens, or found again through the directory."""

import logging
from dataclasses import dataclass

from commands.aggregates import Aggregates
from commands.directory import OpenJob
from commands.job import JOB
from commands.job_state import Job
from events.codec import is_readable
from events.ids import JobId, Timestamp
from events.job import JobAnnounced
from events.store import EventStore, Limit, subject_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What for, when, and by which request a job was announced."""

    event: JobAnnounced
    at: Timestamp
    correlation_id: str

    def waited(self, now: Timestamp) -> float:
        """Seconds since then; 0 where the clock it was announced by is ahead of this one."""
        return max(0, now - self.at) / 1000


class Announcements:
    def __init__(self, store: EventStore, aggregates: Aggregates) -> None:
        self._store = store
        self._aggregates = aggregates

    async def of_open_job(self, job: OpenJob) -> Announcement | None:
        """The announcement at the position the directory names; None when the log is another by now, or it cannot be read."""
        recorded = await self._store.at(job.announced_position)
        if recorded is None or recorded.subject != subject_of(job.announced_in, job.announced_by):
            log.error("announcement is not where it was", extra={"job_id": job.job_id})
            return None
        if not is_readable(recorded):
            # Of newer code, before this node was set back: the job waits, and everybody else's goes on.
            log.error("announcement cannot be read", extra={"job_id": job.job_id})
            return None
        for event in recorded.commit.events:
            if isinstance(event, JobAnnounced) and event.job_id == job.job_id:
                return Announcement(
                    event=event,
                    at=recorded.commit.at,
                    correlation_id=recorded.commit.correlation_id,
                )
        return None

    async def of_begun_job(self, job_id: JobId) -> Announcement | None:
        """From the job's own first commit: a retry or a cancellation may come long after the announcement."""
        job = (await self._aggregates.load(JOB, job_id)).state
        if not isinstance(job, Job):
            return None
        [first] = await self._store.load(subject_of(JOB.name, job_id), limit=Limit(commits=1))
        return Announcement(
            event=JobAnnounced(
                job_id=job.job_id,
                kind=job.kind,
                organization_id=job.organization_id,
                repository_id=job.repository_id,
                task_id=job.task_id,
                input=job.input,
            ),
            at=job.announced_at,
            correlation_id=first.commit.correlation_id,
        )
