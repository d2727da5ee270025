"""Jobs that the log asks for, taken in hand if they belong to those who heard of them."""

from collections.abc import Iterator

from events.commit import Recorded
from events.ids import JobId
from events.job import JobAnnounced, JobRetryRequested
from workflows.announcements import Announcement, Announcements
from workflows.job_lanes import JobLanes
from workflows.placement import Place, Placement


class JobOffers:
    def __init__(
        self, *, announcements: Announcements, placement: Placement, lanes: JobLanes
    ) -> None:
        self._announcements = announcements
        self._placement = placement
        self._lanes = lanes

    async def offer(self, job: Announcement | JobId, *, only: Place) -> None:
        """Take a job if it belongs to `only`: of the two ways in which it is heard of just one takes it."""
        announcement = (
            job if isinstance(job, Announcement) else await self._announcements.of_begun_job(job)
        )
        if announcement is not None and await self._placement.of(announcement.event) == only:
            self._lanes.want(announcement)


def jobs_of(recorded: Recorded) -> Iterator[Announcement | JobId]:
    """The jobs a commit asks to be done. Raises `Undecodable`."""
    commit = recorded.commit
    for event in commit.events:
        if isinstance(event, JobAnnounced):
            yield Announcement(event=event, at=commit.at, correlation_id=commit.correlation_id)
        elif isinstance(event, JobRetryRequested):
            yield event.job_id
