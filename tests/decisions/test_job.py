"""How a job is ruled, by people and by the workers that run it."""

from collections.abc import Callable
from functools import partial

import pytest

from commands.job import JOB, CancelJob, RetryJob
from commands.job_reports import (
    cancelled,
    failed,
    opened,
    stage_failed,
    stage_started,
    stage_succeeded,
    started,
    succeeded,
)
from commands.job_state import Job, JobState
from commands.task import TASK
from events.commit import Event
from events.ids import JobId, Timestamp
from runtime.errors import Rejected
from tests import facts
from tests.decisions.given import Spec, context_of, folded

job = Spec(JOB)

OPENED: list[Event] = [facts.job_opened()]
RUNNING: list[Event] = [*OPENED, facts.job_started()]
IN_STAGE: list[Event] = [*RUNNING, facts.stage_started()]
FAILED: list[Event] = [*IN_STAGE, facts.stage_failed(), facts.job_failed()]
STAGE = facts.STAGES[0]


def after(*history: Event) -> JobState:
    return folded(JOB, history)


# --- People ---


def test_an_open_job_can_be_cancelled_once() -> None:
    job(given=RUNNING, when=CancelJob(job_id="job_1"), then=[facts.job_cancel_requested()])


def test_a_job_that_has_ended_cannot_be_cancelled() -> None:
    command = CancelJob(job_id="job_1")

    job(given=[*RUNNING, facts.job_succeeded()], when=command, refused="job_ended")
    job(given=FAILED, when=command, refused="job_ended")


def test_a_failed_job_can_be_taken_up_again() -> None:
    job(given=FAILED, when=RetryJob(job_id="job_1"), then=[facts.job_retry_requested()])


def test_a_job_that_another_one_has_followed_is_not_taken_up_again() -> None:
    newer = context_of(newer_job=JobId("job_2"))

    job(given=FAILED, when=RetryJob(job_id="job_1"), refused="job_superseded", context=newer)
    job(given=RUNNING, when=RetryJob(job_id="job_1"), then=[], context=newer)


@pytest.mark.parametrize(
    ("ending", "kind", "refused"),
    [
        ([], "task_push", None),
        ([facts.task_archive_requested()], "task_provision", "task_over"),
        ([facts.task_archive_requested()], "task_archive", None),
        ([facts.task_archive_requested(), facts.task_archived()], "task_archive", "task_over"),
        ([facts.task_kill_requested()], "task_archive", "task_over"),
        ([facts.task_kill_requested()], "task_kill", None),
        ([facts.task_kill_requested(), facts.task_killed()], "task_push", "task_over"),
    ],
)
def test_a_job_whose_task_is_put_away_is_taken_up_only_to_end_that(
    ending: list[Event], kind: str, refused: str | None
) -> None:
    opened = facts.job_opened(facts.OfTask(kind=kind))
    retried = facts.job_retry_requested(facts.OfTask(kind=kind))
    context = context_of(task=folded(TASK, [facts.task_created(), *ending]))

    job(
        given=[opened, facts.job_failed()],
        when=RetryJob(job_id="job_1"),
        then=[retried],
        refused=refused,
        context=context,
    )


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("task_push", "turn_running"),
        ("task_rename_branch", "turn_running"),
        ("task_revert_file", None),
    ],
)
def test_a_job_that_wants_a_still_branch_is_not_taken_up_during_a_turn(
    kind: str, refused: str | None
) -> None:
    at_work: list[Event] = [
        facts.task_created(),
        facts.session_created(),
        facts.message_delivered(),
    ]

    job(
        given=[facts.job_opened(facts.OfTask(kind=kind)), facts.job_failed()],
        when=RetryJob(job_id="job_1"),
        then=[facts.job_retry_requested(facts.OfTask(kind=kind))],
        refused=refused,
        context=context_of(task=folded(TASK, at_work)),
    )


def test_a_job_that_still_runs_needs_no_retry() -> None:
    job(given=RUNNING, when=RetryJob(job_id="job_1"), then=[])


def test_a_job_that_succeeded_cannot_be_retried() -> None:
    command = RetryJob(job_id="job_1")

    job(given=[*RUNNING, facts.job_succeeded()], when=command, refused="job_ended")


def test_a_retried_job_keeps_the_results_it_has() -> None:
    history = [*IN_STAGE, facts.stage_succeeded(result={"branch": "x"}), facts.job_failed()]

    retried = after(*history, facts.job_retry_requested())

    assert isinstance(retried, Job)
    assert (retried.status, retried.next_stage) == ("queued", facts.STAGES[1])
    assert retried.results == {STAGE: {"branch": "x"}}


# --- Workers ---


def test_a_job_is_opened_by_whoever_sees_its_announcement_first() -> None:
    announced = facts.job_announced()
    first = partial(opened, announced=announced, stages=facts.STAGES, announced_at=Timestamp(1000))

    assert first(JOB.initial) == OPENED
    assert first(after(*OPENED)) == []


def test_a_worker_takes_a_job_once() -> None:
    assert started(after(*OPENED), worker="w1", host="h1") == [facts.job_started()]
    assert started(after(*RUNNING), worker="w1", host="h1") == []


def test_a_job_that_has_ended_cannot_be_taken() -> None:
    with pytest.raises(Rejected):
        started(after(*FAILED), worker="w1", host="h1")


@pytest.mark.parametrize(
    "report",
    [
        partial(stage_started, stage=STAGE, attempt=2),
        partial(stage_succeeded, stage=STAGE, attempt=1, result={}),
        partial(stage_failed, stage=STAGE, attempt=1, message="x", retry_at=None),
        partial(succeeded),
        partial(failed, stage=STAGE, message="x"),
    ],
)
def test_a_worker_that_lost_the_job_is_fenced_off(report: Callable[..., object]) -> None:
    with pytest.raises(Rejected) as fenced:
        report(after(*IN_STAGE), worker="w2")

    assert fenced.value.code == "fenced"


def test_a_stage_is_started_once_per_attempt() -> None:
    assert stage_started(after(*RUNNING), worker="w1", stage=STAGE, attempt=1) == [
        facts.stage_started()
    ]
    assert stage_started(after(*IN_STAGE), worker="w1", stage=STAGE, attempt=1) == []


def test_a_stage_that_succeeded_is_never_done_again() -> None:
    done = after(*IN_STAGE, facts.stage_succeeded())

    assert stage_started(done, worker="w1", stage=STAGE, attempt=2) == []
    assert stage_succeeded(done, worker="w1", stage=STAGE, attempt=2, result={}) == []


def test_a_failed_stage_with_a_retry_keeps_the_job_open() -> None:
    history = stage_failed(
        after(*IN_STAGE),
        worker="w1",
        stage=STAGE,
        attempt=1,
        message="disk full",
        retry_at=Timestamp(9000),
    )

    waiting = after(*IN_STAGE, *history)

    assert isinstance(waiting, Job)
    assert (waiting.status, waiting.open, waiting.retry_at) == ("retrying", True, 9000)


def test_a_job_is_cancelled_only_when_that_was_asked_for() -> None:
    assert cancelled(after(*RUNNING)) == []
    assert cancelled(after(*RUNNING, facts.job_cancel_requested())) == [facts.job_cancelled()]


def test_the_end_of_a_job_is_reported_once() -> None:
    assert succeeded(after(*RUNNING, facts.job_succeeded()), worker="w1") == []
    assert failed(after(*FAILED), worker="w1", stage=STAGE, message="again") == []
