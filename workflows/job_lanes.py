"""Runs the jobs of this worker: several at once, each again when it is due, until it is done or somebody cancels it."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from events.ids import JobId
from runtime.errors import FoundryError
from runtime.lifecycle import Gate
from runtime.logs import log_fields
from workflows.announcements import Announcement, Announcements
from workflows.job_kind import JobKind, NotOurs
from workflows.job_queue import JobQueue
from workflows.job_runner import JobRunner, RetryLater
from workflows.placement import Placement
from workflows.steady_reports import SteadyReports
from workflows.waiting_jobs import WaitingJobs

log = logging.getLogger(__name__)

LANES = 10
RETRY_SECONDS = 1.0
DEFECT_SECONDS = 30.0

CANCELLATIONS = 1_000
"""At most this many jobs wait for their cancellation. One more is ended by whoever takes it up, at the latest the sweep."""


class JobLanes:
    """`want` and `cancel` only note what is to be done; `run` owns all the work."""

    def __init__(
        self,
        *,
        runner: JobRunner,
        kinds: Mapping[str, JobKind],
        reports: SteadyReports,
        announcements: Announcements,
        placement: Placement,
        gate: Gate,
    ) -> None:
        self._runner = runner
        self._kinds = kinds
        self._announcements = announcements
        self._placement = placement
        self._gate = gate
        self._queue = JobQueue(kinds, lanes=LANES)
        self._waiting = WaitingJobs(queue=self._queue, kinds=kinds, reports=reports, gate=gate)
        self._working: dict[JobId, asyncio.Task[None]] = {}
        self._later: dict[JobId, asyncio.TimerHandle] = {}
        self._cancelled: set[JobId] = set()
        self._to_cancel: dict[JobId, None] = {}
        self._asked = asyncio.Event()

    def __contains__(self, job_id: JobId) -> bool:
        """Whether this worker has the job in hand: it waits, runs, or will be tried again."""
        return job_id in self._queue or job_id in self._later

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    async def room(self) -> None:
        """Wait until there is a reason to ask for more jobs."""
        await self._queue.room()

    def want(self, announcement: Announcement) -> None:
        """Run this job as soon as there is a place for it."""
        if announcement.event.kind not in self._kinds:
            log.warning("no worker of this version knows the job", extra=_about(announcement))
            return
        timer = self._later.pop(announcement.event.job_id, None)
        if timer is not None:
            timer.cancel()
        self._queue.put(announcement)

    def cancel(self, job_id: JobId) -> None:
        """A person asked to cancel it: stop the running stage, or end a job that nobody is working on."""
        working = self._working.get(job_id)
        if working is not None:
            self._cancelled.add(job_id)
            working.cancel()
        else:
            self._end_later(job_id)

    def give_up(self) -> None:
        """Forget the jobs that wait or were to be tried again: the log lost its end, and may have lost theirs with it."""
        for timer in self._later.values():
            timer.cancel()
        self._later.clear()
        self._queue.clear()

    async def run(self) -> None:
        """Serve until cancelled; what runs then is left to the next start, or to another worker."""
        async with asyncio.TaskGroup() as group:
            # Not in a lane: the jobs in all lanes may wait for a cancellation.
            group.create_task(self._end_cancelled(), name="cancellations")
            group.create_task(self._waiting.run(), name="waiting jobs")
            while True:
                announcement = await self._queue.take()
                job_id = announcement.event.job_id
                if self._gate.draining:
                    self._queue.done(job_id)
                    continue
                work = group.create_task(self._work(announcement), name=f"job {job_id}")
                self._working[job_id] = work
                work.add_done_callback(partial(self._left, job_id))

    def _left(self, job_id: JobId, _: object) -> None:
        """Called at the end of a job's work, also of work cancelled before it began: that ends like a job nobody worked on."""
        del self._working[job_id]
        self._queue.done(job_id)
        if job_id in self._cancelled:
            self._cancelled.discard(job_id)
            self._end_later(job_id)

    def _end_later(self, job_id: JobId) -> None:
        if len(self._to_cancel) < CANCELLATIONS:
            self._to_cancel[job_id] = None
            self._asked.set()
        else:
            log.warning("cancellation is left to the sweep", extra={"job_id": job_id})

    async def _next_cancelled(self) -> JobId:
        while not self._to_cancel:
            self._asked.clear()
            await self._asked.wait()
        job_id = next(iter(self._to_cancel))
        del self._to_cancel[job_id]
        return job_id

    async def _end_cancelled(self) -> None:
        while True:
            job_id = await self._next_cancelled()
            if job_id in self._working:
                self.cancel(job_id)
                continue
            try:
                announcement = await self._announcements.of_begun_job(job_id)
            except FoundryError as error:
                log.warning("cancellation waits", extra={"reason": error.detail})
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self.cancel, job_id)
                continue
            if announcement is not None and announcement.event.kind in self._kinds:
                # Before its end, since after that it may be retried, and then it waits anew.
                self._queue.leave(job_id)
                # The claim finds the request and ends the job. Where another worker did, and it was retried, the sweep has it.
                await self._work(announcement, only_cancel=True)

    async def _work(self, announcement: Announcement, *, only_cancel: bool = False) -> None:
        job_id = announcement.event.job_id
        again_in: float | None = None
        with log_fields(job_id=job_id):
            try:
                async with self._gate.work("job"):
                    again_in = await self._run(announcement, only_cancel=only_cancel)
            except FoundryError as error:
                log.warning("job waits", extra={"reason": error.detail})
                again_in = RETRY_SECONDS
            except Exception:
                log.exception("job failed in the worker itself")
                again_in = DEFECT_SECONDS
        if again_in is not None:
            loop = asyncio.get_running_loop()
            self._later[job_id] = loop.call_later(again_in, self.want, announcement)

    async def _run(self, announcement: Announcement, *, only_cancel: bool) -> float | None:
        """Run a job as far as it goes; the seconds after which to look at it again, None for never."""
        try:
            place = await self._placement.of(announcement.event)
            if place != "elsewhere":
                await self._runner.run(announcement, bound=place == "here", only_cancel=only_cancel)
        except NotOurs as reason:
            log.info("job left alone", extra={"reason": str(reason)})
        except RetryLater as later:
            return later.seconds
        except asyncio.CancelledError:
            if announcement.event.job_id not in self._cancelled:
                raise
            self._cancelled.discard(announcement.event.job_id)
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            await self._runner.cancelled(announcement)
        return None


def _about(announcement: Announcement) -> dict[str, str]:
    return {"job_id": announcement.event.job_id, "kind": announcement.event.kind}
