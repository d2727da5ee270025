"""What becomes of a job that is cancelled, whatever its work has come to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from commands.aggregates import Aggregates
from commands.job import JOB
from commands.reports import Reports
from events.commit import tag_of
from events.ids import JobId, Timestamp
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobCancelRequested,
    JobEvent,
    JobRetryRequested,
)
from events.memory import MemoryStore
from events.store import subject_of
from runtime.lifecycle import Gate
from tests import facts
from workflows import job_lanes
from workflows.announcements import Announcement, Announcements
from workflows.job_kind import JobContext, JobKind, Stage, StageFailure, StageResult
from workflows.job_lanes import JobLanes
from workflows.job_runner import JobRunner
from workflows.placement import Place, Placement
from workflows.steady_reports import SteadyReports

KIND = "task_push"
OWNERS = {
    "job_id": facts.JOB,
    "kind": KIND,
    "organization_id": facts.ORGANIZATION,
    "repository_id": facts.REPOSITORY,
    "task_id": facts.TASK,
}


def announcement_of(job_id: JobId) -> Announcement:
    return Announcement(
        event=JobAnnounced(**OWNERS | {"job_id": job_id}, input={}),  # type: ignore[arg-type]
        at=Timestamp(1),
        correlation_id="",
    )


ANNOUNCEMENT = announcement_of(facts.JOB)


class Here(Placement):
    def __init__(self) -> None:
        pass

    async def of(self, announced: JobAnnounced) -> Place:
        return "here"


class Bench:
    """One kind of job whose one stage waits to be let go."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        aggregates = Aggregates(self.store)
        self.reports = SteadyReports(Reports(self.store, aggregates, lambda: Timestamp(1)))
        self.running = asyncio.Event()
        self.time = Timestamp(1)
        self.fails = 0
        kind = JobKind(
            name=KIND,
            stages=(Stage(name="pushed", run=self._push),),
            failed=self._failed,
            at_once=1,
        )
        self.lanes = JobLanes(
            runner=JobRunner(
                reports=self.reports,
                aggregates=aggregates,
                kinds={KIND: kind},
                worker="w",
                host="h",
                gone=lambda host: False,
                now=lambda: self.time,
            ),
            kinds={KIND: kind},
            reports=self.reports,
            announcements=Announcements(self.store, aggregates),
            placement=Here(),
            gate=Gate("worker"),
        )

    async def cancel(self) -> None:
        requested = JobCancelRequested(**OWNERS)  # type: ignore[arg-type]
        await self.reports.report(JOB, facts.JOB, lambda job: [requested], report_id="cancel")
        self.lanes.cancel(facts.JOB)

    async def over(self) -> list[str]:
        """What its history tells once the worker has let go of it."""
        async with asyncio.timeout(20):
            while facts.JOB in self.lanes or "job_cancelled" not in await self.told():
                await asyncio.sleep(0)
        return await self.told()

    async def has_told(self, tag: str, job_id: JobId = facts.JOB) -> None:
        async with asyncio.timeout(20):
            while tag not in await self.told(job_id):
                await asyncio.sleep(0)

    async def told(self, job_id: JobId = facts.JOB) -> list[str]:
        history = await self.store.load(subject_of(JOB.name, job_id))
        return [tag_of(event) for one in history for event in one.commit.events]

    async def _push(self, job: JobContext) -> StageResult:
        if self.fails:
            self.fails -= 1
            raise StageFailure("not now")
        self.running.set()
        await asyncio.Event().wait()
        return {}

    async def _failed(self, job: JobContext, stage: str, failure: StageFailure) -> None:
        pass


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    running = asyncio.create_task(bench.lanes.run())
    yield bench
    running.cancel()
    await asyncio.wait([running])


async def test_a_job_is_cancelled_in_the_middle_of_its_stage(bench: Bench) -> None:
    bench.lanes.want(ANNOUNCEMENT)
    await bench.running.wait()

    await bench.cancel()

    assert (await bench.over())[-1] == "job_cancelled"


async def test_a_job_is_cancelled_before_its_work_has_begun(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its history exists: it was begun once and is to be taken up again.
    announced = facts.job_opened(facts.OfTask(kind=KIND))
    await bench.reports.report(JOB, facts.JOB, lambda job: [announced], report_id="opened")
    requested = JobCancelRequested(**OWNERS)  # type: ignore[arg-type]
    await bench.reports.report(JOB, facts.JOB, lambda job: [requested], report_id="cancel")
    bench.lanes.want(ANNOUNCEMENT)
    while not bench.lanes._working:
        await asyncio.sleep(0)
        # The very moment between the making of its task and the first step of that.
    bench.lanes.cancel(facts.JOB)

    assert (await bench.over())[-1] == "job_cancelled"
    assert not bench.running.is_set()


async def test_a_job_without_a_place_is_opened_and_can_be_cancelled_while_another_runs(
    bench: Bench,
) -> None:
    bench.lanes.want(announcement_of(facts.SYNC_JOB))
    await bench.running.wait()
    bench.lanes.want(ANNOUNCEMENT)
    await bench.has_told("job_opened")

    await bench.cancel()

    await bench.has_told("job_cancelled")
    assert (await bench.told())[:2] == ["job_opened", "job_cancel_requested"]
    assert facts.SYNC_JOB in bench.lanes


async def test_a_job_that_was_cancelled_while_it_waited_keeps_no_other_from_being_asked_for(
    bench: Bench,
) -> None:
    bench.lanes.want(announcement_of(facts.SYNC_JOB))
    await bench.running.wait()
    for number in range(job_lanes.LANES - 1):
        bench.lanes.want(announcement_of(JobId(f"job_other_{number}")))
    bench.lanes.want(ANNOUNCEMENT)
    await bench.has_told("job_opened")

    await bench.cancel()

    async with asyncio.timeout(20):
        await bench.lanes.room()
    assert facts.JOB not in bench.lanes
    assert len(bench.lanes) == job_lanes.LANES - 1


async def test_a_job_that_was_cancelled_elsewhere_and_retried_is_not_run_in_place_of_a_cancellation(
    bench: Bench,
) -> None:
    announced = facts.job_opened(facts.OfTask(kind=KIND))
    requested = JobCancelRequested(**OWNERS)  # type: ignore[arg-type]
    cancelled = JobCancelled(**OWNERS)  # type: ignore[arg-type]
    retried = JobRetryRequested(**OWNERS)  # type: ignore[arg-type]
    course: list[JobEvent] = [announced, requested, cancelled, retried]
    await bench.reports.report(JOB, facts.JOB, lambda job: course, report_id="course")
    # Heard of only when all that has happened.
    bench.lanes.cancel(facts.JOB)

    other = replace(announced, job_id=facts.SYNC_JOB)
    asked = replace(requested, job_id=facts.SYNC_JOB)
    await bench.reports.report(JOB, facts.SYNC_JOB, lambda job: [other, asked], report_id="other")
    bench.lanes.cancel(facts.SYNC_JOB)

    await bench.has_told("job_cancelled", facts.SYNC_JOB)
    assert not bench.running.is_set()
    assert (await bench.told())[-1] == "job_retry_requested"


async def test_a_job_that_may_run_at_once_is_opened_by_its_claim(bench: Bench) -> None:
    bench.lanes.want(ANNOUNCEMENT)
    await bench.running.wait()

    [first, *_] = await bench.store.load(subject_of(JOB.name, facts.JOB))

    assert [tag_of(event) for event in first.commit.events] == ["job_opened", "job_started"]


async def test_a_stage_that_failed_is_tried_again_soon_though_the_clock_is_put_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = 3_600_000
    bench.time, bench.fails = Timestamp(hour), 1
    report = bench.reports.report

    async def put_back(*args: Any, **options: Any) -> None:
        await report(*args, **options)
        if not bench.fails:
            bench.time = Timestamp(1)

    monkeypatch.setattr(bench.reports, "report", put_back)
    bench.lanes.want(ANNOUNCEMENT)

    async with asyncio.timeout(20):
        await bench.running.wait()
    assert bench.time == 1


async def test_cancellations_beyond_the_bound_are_left_to_whoever_takes_the_job_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job_lanes, "CANCELLATIONS", 3)
    announced = facts.job_opened(facts.OfTask(kind=KIND))
    await bench.reports.report(JOB, facts.JOB, lambda job: [announced], report_id="opened")

    for number in range(3):
        bench.lanes.cancel(JobId(f"job_other_{number}"))
    await bench.cancel()
    # As the sweep does with a job that lies about.
    bench.lanes.want(ANNOUNCEMENT)

    assert caplog.messages.count("cancellation is left to the sweep") == 1
    assert (await bench.over())[-1] == "job_cancelled"
    assert not bench.running.is_set()


async def test_no_job_of_a_log_that_lost_its_end_is_run(bench: Bench) -> None:
    bench.fails = 1
    bench.lanes.want(ANNOUNCEMENT)
    while facts.JOB not in bench.lanes._later:
        await asyncio.sleep(0)
    [again] = bench.lanes._later.values()
    bench.lanes.give_up()
    tried_again = not again.cancelled()
    bench.lanes.want(ANNOUNCEMENT)
    bench.lanes.give_up()

    await asyncio.sleep(0.1)

    assert not tried_again
    assert facts.JOB not in bench.lanes
    assert not bench.running.is_set()


async def test_no_job_of_a_log_that_lost_its_end_is_opened(bench: Bench) -> None:
    bench.lanes.want(announcement_of(facts.SYNC_JOB))
    await bench.running.wait()
    bench.lanes.want(ANNOUNCEMENT)
    bench.lanes.give_up()

    # One of the log as it is, which waits behind it.
    later = JobId("job_later")
    bench.lanes.want(announcement_of(later))
    await bench.has_told("job_opened", later)

    assert await bench.told() == []
