"""Takes one job as far as it goes: claims it, runs its stages, stores each result before the next begins."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence

from commands import job_reports
from commands.aggregates import Aggregates
from commands.decider import Absent
from commands.job import JOB
from commands.job_state import Job, JobState
from events.commit import Event
from events.ids import JobId, Timestamp
from runtime.errors import Rejected
from runtime.logs import log_fields
from runtime.metrics import JOB_QUEUE_SECONDS, JOBS_ENDED
from workflows.announcements import Announcement
from workflows.job_kind import (
    JobContext,
    JobKind,
    JobNotWanted,
    NotOurs,
    Stage,
    StageFailure,
    StageResult,
)
from workflows.stage_run import run_stage
from workflows.steady_reports import SteadyReports

log = logging.getLogger(__name__)

STARTS_WITHOUT_END = 8
"""A stage during which the worker died this many times is taken for the reason, and not started again by itself."""


class RetryLater(Exception):
    """The stage failed and may be tried again after `seconds`: by the clock of the wall it could be hours."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class JobRunner:
    """`worker` names this process, `host` the machine whose sandboxes it can reach.

    `gone` tells of another host whether what it began may be taken over.
    """

    def __init__(
        self,
        *,
        reports: SteadyReports,
        aggregates: Aggregates,
        kinds: Mapping[str, JobKind],
        worker: str,
        host: str,
        gone: Callable[[str], bool],
        now: Callable[[], Timestamp],
    ) -> None:
        self._reports = reports
        self._aggregates = aggregates
        self._kinds = kinds
        self._worker = worker
        self._host = host
        self._gone = gone
        self._now = now

    async def run(
        self, announcement: Announcement, *, bound: bool = False, only_cancel: bool = False
    ) -> None:
        """Run the job to its end. Raises `RetryLater`, or `NotOurs` when there is nothing to do here.

        A job `bound` to this host by its sandbox is taken from whoever has it; with `only_cancel` only if somebody asks for its end.
        """
        announced = announcement.event
        kind = self._kinds.get(announced.kind)
        if kind is None:
            raise NotOurs(f"no worker here knows the job kind {announced.kind}")
        with log_fields(job_id=announced.job_id, correlation_id=announcement.correlation_id):
            job = await self._claim(announcement, kind, bound=bound, only_cancel=only_cancel)
            await self._run_stages(kind, job, announcement.correlation_id)

    async def cancelled(self, announcement: Announcement) -> None:
        """The running stage was stopped by a `job.cancel`: say so in the history of what the job is for, then in the job's own."""
        kind, job_id = self._kinds[announcement.event.kind], announcement.event.job_id
        job = (await self._aggregates.confirmed(JOB, job_id)).state
        if not isinstance(job, Job) or not (job.open and job.cancel_requested):
            return
        await kind.failed(
            _context(job, announcement.correlation_id),
            job.next_stage or kind.stages[-1].name,
            StageFailure("The job was cancelled.", code="job_cancelled", permanent=True),
        )
        await self._report(job_id, job_reports.cancelled, "cancelled", announcement.correlation_id)
        JOBS_ENDED.labels(kind.name, "cancelled").inc()

    async def _claim(
        self, announcement: Announcement, kind: JobKind, *, bound: bool, only_cancel: bool
    ) -> Job:
        job_id = announcement.event.job_id
        first = (await self._aggregates.confirmed(JOB, job_id)).state

        def claim(job: JobState) -> Sequence[Event]:
            if only_cancel and not (isinstance(job, Job) and job.cancel_requested):
                raise NotOurs("nobody asks to cancel the job any more")
            if isinstance(job, Absent):
                opened = job_reports.opened(
                    job, announcement.event, stages=kind.stage_names(), announced_at=announcement.at
                )
                return [*opened, *self._started(JOB.fold(opened, state=job))]
            if job.status not in ("queued", "running", "retrying"):
                raise NotOurs(f"the job is {job.status}")
            if not (bound or self._is_free(job)):
                raise NotOurs(f"{job.host} has the job")
            if job.worker == self._worker and job.status != "queued":
                return []
            return self._started(job)

        await self._report(job_id, claim, "claim", announcement.correlation_id)
        job = (await self._aggregates.load(JOB, job_id)).state
        assert isinstance(job, Job)
        if job.cancel_requested:
            await self.cancelled(announcement)
            raise NotOurs("the job was cancelled")
        if isinstance(first, Absent) or first.host is None:
            JOB_QUEUE_SECONDS.labels(kind.name).observe(announcement.waited(self._now()))
        log.info("job started", extra={"kind": kind.name, "stage": job.stage})
        return job

    def _is_free(self, job: Job) -> bool:
        # The data folder of a host is locked: what another worker of this host began, has ended.
        return job.worker is None or job.host in (None, self._host) or self._gone(job.host)

    def _started(self, job: JobState) -> Sequence[Event]:
        return job_reports.started(job, worker=self._worker, host=self._host)

    async def _run_stages(self, kind: JobKind, job: Job, correlation_id: str) -> None:
        left = [stage for stage in kind.stages if stage.name not in job.results]
        for index, stage in enumerate(left):
            context = _context(job, correlation_id)
            attempt = job.attempt + 1 if job.stage == stage.name and index == 0 else 1
            if index == 0:
                if (crashes := job.starts_without_end(stage.name)) >= STARTS_WITHOUT_END:
                    await self._failed(kind, stage, context, job, job.attempt, _crashing(crashes))
                    return
                await self._start_stage(job, stage, attempt, correlation_id)
            try:
                result = await run_stage(kind.name, stage, context, attempt)
            except JobNotWanted as reason:
                log.info("job is not wanted any more", extra={"reason": str(reason)})
                await self._report(
                    job.job_id,
                    lambda now: job_reports.dropped(now, worker=self._worker),
                    "unwanted",
                    correlation_id,
                )
                JOBS_ENDED.labels(kind.name, "cancelled").inc()
                return
            except StageFailure as failure:
                await self._failed(kind, stage, context, job, attempt, failure)
                return
            following = left[index + 1] if index + 1 < len(left) else None
            job = await self._succeeded(job, stage, attempt, result, following, correlation_id)
        JOBS_ENDED.labels(kind.name, "succeeded").inc()
        log.info("job succeeded", extra={"kind": kind.name})

    async def _start_stage(self, job: Job, stage: Stage, attempt: int, correlation_id: str) -> None:
        await self._report(
            job.job_id,
            lambda now: job_reports.stage_started(
                now, worker=self._worker, stage=stage.name, attempt=attempt
            ),
            f"{stage.name}/{attempt}/started",
            correlation_id,
        )

    async def _succeeded(
        self,
        job: Job,
        stage: Stage,
        attempt: int,
        result: StageResult,
        following: Stage | None,
        correlation_id: str,
    ) -> Job:
        """Store the result together with the start of the next stage, or with the job's end: one commit."""

        def decide(now: JobState) -> Sequence[Event]:
            events = job_reports.stage_succeeded(
                now, worker=self._worker, stage=stage.name, attempt=attempt, result=dict(result)
            )
            after = JOB.fold(events, state=now)
            if following is None:
                return [*events, *job_reports.succeeded(after, worker=self._worker)]
            return [
                *events,
                *job_reports.stage_started(
                    after, worker=self._worker, stage=following.name, attempt=1
                ),
            ]

        await self._report(job.job_id, decide, f"{stage.name}/{attempt}/succeeded", correlation_id)
        state = (await self._aggregates.load(JOB, job.job_id)).state
        assert isinstance(state, Job)
        return state

    async def _failed(
        self,
        kind: JobKind,
        stage: Stage,
        context: JobContext,
        job: Job,
        attempt: int,
        failure: StageFailure,
    ) -> None:
        failures = job.failures + 1
        final = failure.permanent or failures >= stage.retry.attempts
        delay = stage.retry.delay(failures)
        retry_at = None if final else Timestamp(self._now() + round(delay * 1000))
        log.warning(
            "stage failed",
            extra={
                "stage": stage.name,
                "attempt": attempt,
                "reason": failure.message,
                "final": final,
            },
        )

        def decide(now: JobState) -> Sequence[Event]:
            events = job_reports.stage_failed(
                now,
                worker=self._worker,
                stage=stage.name,
                attempt=attempt,
                message=failure.message,
                retry_at=retry_at,
            )
            if not final:
                return events
            return [
                *events,
                *job_reports.failed(
                    JOB.fold(events, state=now),
                    worker=self._worker,
                    stage=stage.name,
                    message=failure.message,
                ),
            ]

        if final:
            # First the task's own word and its issue, then the job's end: a crash between the two
            # runs the stage again, the other order would leave a failure nobody was told of.
            await kind.failed(context, stage.name, failure)
        await self._report(
            context.job_id, decide, f"{stage.name}/{attempt}/failed", context.correlation_id
        )
        if retry_at is not None:
            raise RetryLater(delay)
        JOBS_ENDED.labels(kind.name, "failed").inc()

    async def _report(
        self,
        job_id: JobId,
        decide: Callable[[JobState], Sequence[Event]],
        what: str,
        correlation_id: str,
    ) -> None:
        try:
            await self._reports.report(
                JOB,
                job_id,
                decide,
                # Unique for each report: a retry of the job passes the same stages again.
                report_id=f"{self._worker}/{job_id}/{what}/{secrets.token_hex(6)}",
                correlation_id=correlation_id,
            )
        except Rejected as error:
            raise NotOurs(error.detail) from None


def _crashing(times: int) -> StageFailure:
    return StageFailure(
        f"The worker ended {times} times in the middle of this stage. Look into its log for the reason, then retry.",
        code="worker_crashes",
        permanent=True,
    )


def _context(job: Job, correlation_id: str) -> JobContext:
    return JobContext(
        job_id=job.job_id,
        organization_id=job.organization_id,
        repository_id=job.repository_id,
        task_id=job.task_id,
        input=job.input,
        results=job.results,
        correlation_id=correlation_id,
    )
