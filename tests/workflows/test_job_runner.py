"""The course of a job under the runner, on a real store: what is stored when stages hang, fail, crash or are cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from commands.aggregates import Aggregates
from commands.job import JOB
from commands.job_state import Job
from commands.reports import Reports
from events.commit import tag_of
from events.ids import JobId, OrganizationId, Timestamp
from events.job import JobAnnounced, JobCancelRequested, JobRetryRequested
from events.memory import MemoryStore
from events.store import subject_of
from runtime.errors import Rejected, Unavailable
from workflows.announcements import Announcement
from workflows.job_kind import (
    JobContext,
    JobKind,
    JobNotWanted,
    NotOurs,
    Retry,
    Stage,
    StageFailure,
    StageResult,
)
from workflows.job_runner import STARTS_WITHOUT_END, JobRunner, RetryLater
from workflows.steady_reports import SteadyReports

ID = JobId("job_1")
ANNOUNCED = JobAnnounced(job_id=ID, kind="build", organization_id=OrganizationId("org_1"))
ANNOUNCEMENT = Announcement(event=ANNOUNCED, at=Timestamp(1), correlation_id="c")
QUICK = Retry(attempts=3, first=0.001)

Step = Callable[[JobContext], Awaitable[StageResult]]


class Bench:
    """Two stages, `first` and `second`; the second does what the test wants."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.aggregates = Aggregates(self.store)
        self.reports = SteadyReports(Reports(self.store, self.aggregates, lambda: Timestamp(1)))
        self.firsts = 0
        self.told: list[StageFailure] = []
        self.hangs = asyncio.Event()

    def runner(
        self, second: Step, *, host: str = "h1", gone: bool = False, deadline: float = 5
    ) -> JobRunner:
        async def first(job: JobContext) -> StageResult:
            self.firsts += 1
            return {"made": str(self.firsts)}

        async def failed(job: JobContext, stage: str, failure: StageFailure) -> None:
            self.told.append(failure)

        kind = JobKind(
            name="build",
            stages=(
                Stage(name="first", run=first),
                Stage(name="second", run=second, deadline=deadline, retry=QUICK),
            ),
            failed=failed,
        )
        return JobRunner(
            reports=self.reports,
            aggregates=self.aggregates,
            kinds={"build": kind},
            worker=f"{host}/1",
            host=host,
            gone=lambda host: gone,
            now=lambda: Timestamp(1),
        )

    async def until_settled(self, runner: JobRunner) -> None:
        while True:
            try:
                return await runner.run(ANNOUNCEMENT)
            except RetryLater:
                continue

    async def ask(self, fact: type[JobCancelRequested] | type[JobRetryRequested]) -> None:
        event = fact(job_id=ID, kind="build", organization_id=ANNOUNCED.organization_id)
        await self.reports.report(JOB, ID, lambda job: [event], report_id=fact.__name__)

    async def tags(self) -> list[str]:
        history = await self.store.load(subject_of(JOB.name, ID))
        return [tag_of(event) for one in history for event in one.commit.events]

    async def hang(self, job: JobContext) -> StageResult:
        """A second stage that never ends."""
        self.hangs.set()
        await asyncio.Event().wait()
        return {}

    async def hung(self, runner: JobRunner) -> asyncio.Task[None]:
        """The runner at work, standing in a stage that never ends."""
        self.hangs.clear()
        work = asyncio.create_task(runner.run(ANNOUNCEMENT))
        await self.hangs.wait()
        return work

    async def job(self) -> Job:
        state = (await self.aggregates.confirmed(JOB, ID)).state
        assert isinstance(state, Job)
        return state


@pytest.fixture
def bench() -> Bench:
    return Bench()


def failing(times: int, error: Exception) -> Step:
    left = [error] * times

    async def step(job: JobContext) -> StageResult:
        if left:
            raise left.pop()
        return dict(job.results["first"])

    return step


async def stopped(work: asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.wait([work])


async def test_a_stage_that_fails_twice_then_works(bench: Bench) -> None:
    await bench.until_settled(bench.runner(failing(2, Unavailable("not now"))))

    job = await bench.job()
    assert (job.status, job.results["second"], bench.firsts) == ("succeeded", {"made": "1"}, 1)
    assert (await bench.tags()).count("stage_failed") == 2
    assert bench.told == []


async def test_a_stage_that_hangs_is_ended_by_its_deadline_each_time(bench: Bench) -> None:
    await bench.until_settled(bench.runner(bench.hang, deadline=0.01))

    job = await bench.job()
    assert (job.status, job.stage) == ("failed", "second")
    assert (await bench.tags()).count("stage_failed") == QUICK.attempts
    (failure,) = bench.told
    assert (failure.code, "0.01 seconds" in failure.message) == ("stage_timeout", True)


async def test_what_can_never_work_is_tried_once(bench: Bench) -> None:
    await bench.until_settled(bench.runner(failing(1, Rejected("no such branch"))))

    assert (await bench.tags()).count("stage_failed") == 1
    assert bench.told[-1].message == "no such branch"


async def test_a_retry_goes_on_at_the_failed_stage_with_all_its_attempts(bench: Bench) -> None:
    runner = bench.runner(failing(5, Unavailable("not now")))
    await bench.until_settled(runner)

    await bench.ask(JobRetryRequested)
    await bench.until_settled(runner)

    assert ((await bench.job()).status, bench.firsts) == ("succeeded", 1)
    assert (await bench.tags()).count("stage_failed") == 5
    assert (await bench.job()).attempt == 6


async def test_crashes_use_up_no_attempts(bench: Bench) -> None:
    for _ in range(4):
        await stopped(await bench.hung(bench.runner(bench.hang)))

    await bench.until_settled(bench.runner(failing(2, Unavailable("not now"))))

    assert ((await bench.job()).status, bench.firsts) == ("succeeded", 1)


async def test_a_stage_in_which_the_worker_ends_again_and_again_is_given_up_until_somebody_retries(
    bench: Bench,
) -> None:
    for _ in range(STARTS_WITHOUT_END):
        await stopped(await bench.hung(bench.runner(bench.hang)))

    await bench.until_settled(bench.runner(bench.hang))

    assert (await bench.job()).status == "failed"
    assert [(failure.code, failure.permanent) for failure in bench.told] == [
        ("worker_crashes", True)
    ]
    assert (await bench.tags()).count("stage_started") == 1 + STARTS_WITHOUT_END
    await bench.ask(JobRetryRequested)
    await stopped(await bench.hung(bench.runner(bench.hang)))
    await bench.until_settled(bench.runner(failing(2, Unavailable("not now"))))
    assert ((await bench.job()).status, bench.firsts) == ("succeeded", 1)


async def test_failures_are_not_taken_for_crashes(bench: Bench) -> None:
    for _ in range(STARTS_WITHOUT_END - 1):
        await stopped(await bench.hung(bench.runner(bench.hang)))

    await bench.until_settled(bench.runner(failing(3, Unavailable("not now"))))

    assert bench.told[-1].message == "not now"


async def test_a_cancelled_job_tells_its_owner_and_can_be_taken_up_again(bench: Bench) -> None:
    running = await bench.hung(bench.runner(bench.hang))
    await bench.ask(JobCancelRequested)
    await stopped(running)

    await bench.runner(bench.hang).cancelled(ANNOUNCEMENT)
    cancelled = await bench.job()
    await bench.ask(JobRetryRequested)
    await bench.until_settled(bench.runner(failing(0, Rejected(""))))

    assert cancelled.status == "cancelled"
    assert [failure.code for failure in bench.told] == ["job_cancelled"]
    assert ((await bench.job()).status, bench.firsts) == ("succeeded", 1)


async def test_a_defect_in_a_stage_is_tried_again_and_then_told(bench: Bench) -> None:
    await bench.until_settled(bench.runner(failing(3, RecursionError("too deep"))))

    job = await bench.job()
    assert (job.status, job.attempt) == ("failed", 3)
    assert [failure.code for failure in bench.told] == ["stage_failed"]
    assert bench.told[-1].message == "RecursionError: too deep"


async def test_a_failure_in_words_that_are_no_text_is_told(bench: Bench) -> None:
    await bench.until_settled(
        bench.runner(failing(1, StageFailure("no caf\udce9", permanent=True)))
    )

    assert bench.told[-1].message == "no caf\\udce9"


async def test_what_the_machine_refuses_is_a_sentence(bench: Bench) -> None:
    error = OSError(28, "No space left on device", "/a/b")

    await bench.until_settled(bench.runner(failing(3, error)))

    assert bench.told[-1].message == (
        "The worker's machine refuses it (No space left on device: /a/b). Mend that, and retry the job."
    )


@pytest.mark.parametrize(
    "heard", [JobNotWanted("task gone"), Rejected("It is being put away.", code="task_over")]
)
async def test_a_job_whose_purpose_is_gone_ends(bench: Bench, heard: Exception) -> None:
    """Before the stage began, or by what it reports: a kill that meets it must not decide how it is called."""
    await bench.until_settled(bench.runner(failing(1, heard)))

    assert (await bench.job()).status == "cancelled"
    assert bench.told == []


async def test_another_host_takes_a_job_only_when_its_holder_is_gone(bench: Bench) -> None:
    holder = await bench.hung(bench.runner(bench.hang))

    with pytest.raises(NotOurs):
        await bench.runner(bench.hang, host="h2").run(ANNOUNCEMENT)
    await bench.runner(failing(0, Rejected("")), host="h2", gone=True).run(ANNOUNCEMENT)
    await stopped(holder)

    assert ((await bench.job()).status, (await bench.job()).host) == ("succeeded", "h2")


async def test_a_job_from_a_clock_that_is_ahead_has_waited_for_no_time(bench: Bench) -> None:
    before = seconds_in_queues()
    runner = bench.runner(failing(0, AssertionError()))

    await runner.run(replace(ANNOUNCEMENT, at=Timestamp(120_000)))

    assert seconds_in_queues() == before


def seconds_in_queues() -> float:
    return REGISTRY.get_sample_value("foundry_job_queue_seconds_sum", {"kind": "build"}) or 0.0
