"""Begins the histories of jobs that wait for a place here, so that people can cancel them meanwhile."""

import logging
from collections.abc import Mapping

from commands import job_reports
from commands.job import JOB
from runtime.errors import FoundryError
from runtime.lifecycle import Gate
from workflows.announcements import Announcement
from workflows.job_kind import JobKind
from workflows.job_queue import JobQueue
from workflows.steady_reports import SteadyReports

log = logging.getLogger(__name__)


class WaitingJobs:
    """A job that may run at once is left alone: its claim opens its history, in the same commit as its start."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        kinds: Mapping[str, JobKind],
        reports: SteadyReports,
        gate: Gate,
    ) -> None:
        self._queue = queue
        self._kinds = kinds
        self._reports = reports
        self._gate = gate

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            for announcement in await self._queue.held_up():
                try:
                    async with self._gate.work("job"):
                        await self._open(announcement)
                except FoundryError as error:
                    # Its claim opens it, or the next worker that lets it wait.
                    log.info(
                        "job waits unopened",
                        extra={"job_id": announcement.event.job_id, "reason": error.detail},
                    )

    async def _open(self, announcement: Announcement) -> None:
        announced = announcement.event
        await self._reports.report(
            JOB,
            announced.job_id,
            lambda job: job_reports.opened(
                job,
                announced,
                stages=self._kinds[announced.kind].stage_names(),
                announced_at=announcement.at,
            ),
            # The same of every worker: whoever is first has opened it.
            report_id=f"{announced.job_id}/opened",
            correlation_id=announcement.correlation_id,
        )
