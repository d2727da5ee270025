"""What holds for every history: facts always fold, and whatever is commanded or reported twice happens once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commands.context import Context
from commands.decider import Kind, Origin
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
from commands.organization import ORGANIZATION
from commands.repository import REPOSITORY
from commands.session_reports import (
    message_delivered,
    permission_requested,
    session_failed,
    session_ready,
    turn_ended,
)
from commands.task import TASK
from commands.task_commands import (
    AnswerPermission,
    ArchiveTask,
    CancelMessage,
    ChangeModel,
    CloseSession,
    CreateSession,
    CreateTask,
    KillTask,
    MergeTask,
    PushTask,
    RenameBranch,
    RenameSession,
    RenameTask,
    ResolveIssue,
    RevertFile,
    SendMessage,
    StartProcess,
    StopProcess,
    StopSession,
    TaskCommand,
)
from commands.task_reports import (
    files_captured,
    files_outdated,
    issue_raised,
    sandbox_allocated,
    sandbox_ready,
    sandbox_released,
    task_archived,
    task_failed,
    task_killed,
    task_named,
    task_provisioned,
)
from commands.task_state import Task, TaskState
from commands.transcript import TRANSCRIPT
from commands.user import USER
from events.agent_session import MessageDelivered, PermissionOption
from events.commit import Event
from events.ids import MessageId, Position, SessionId, Timestamp
from runtime.errors import FoundryError
from tests import facts
from tests.decisions.given import context_of, folded, organization
from tests.events.event_shapes import EVENT_TYPES, full_example

EVERY_FACT = cast("list[Event]", [full_example(event_type) for event_type in EVENT_TYPES])
"""One of each kind, all about the same person, task and job, so that each meets the others' states."""

IN_ACME = {"organization": organization()}
SESSIONS = (facts.SESSION, SessionId("ses_2"))
MESSAGES = tuple(MessageId(context_of(command_id=f"c{n}").id("msg")) for n in range(4))

commands: list[TaskCommand] = [
    CreateTask(repository_id="repo_1", prompt="Fix login", task_id="task_1"),
    RenameTask(task_id="task_1", title="New"),
    RenameTask(task_id="task_1", title="Newer"),
    ArchiveTask(task_id="task_1"),
    KillTask(task_id="task_1"),
    ResolveIssue(task_id="task_1", issue_id="iss_1"),
    PushTask(task_id="task_1"),
    MergeTask(task_id="task_1"),
    RenameBranch(task_id="task_1", branch="other"),
    RevertFile(task_id="task_1", path="a.py"),
    StartProcess(task_id="task_1", command="make"),
    StopProcess(process_id="proc_1"),
    *(CreateSession(task_id="task_1", session_id=one) for one in SESSIONS),
    *(SendMessage(task_id="task_1", session_id=one, text="go on") for one in SESSIONS),
    *(StopSession(task_id="task_1", session_id=one) for one in SESSIONS),
    *(RenameSession(task_id="task_1", session_id=one, name="New") for one in SESSIONS),
    *(ChangeModel(task_id="task_1", session_id=one, model="large") for one in SESSIONS),
    CloseSession(task_id="task_1", session_id=SESSIONS[1]),
    *(
        CancelMessage(task_id="task_1", session_id=one, message_id=message)
        for one in SESSIONS
        for message in MESSAGES
    ),
    *(
        AnswerPermission(task_id="task_1", session_id=one, request_id="p1", option_id="no")
        for one in SESSIONS
    ),
]

TaskReport = Callable[[TaskState], Sequence[Event]]
OPTION = PermissionOption(id="no", name="No", kind="reject_once")

task_reports: list[TaskReport] = [
    partial(task_named, branch="fix-login"),
    partial(sandbox_allocated, sandbox_id=facts.SANDBOX, provider="local", host="h1", path="/s/1"),
    partial(sandbox_ready, sandbox_id=facts.SANDBOX, base="b1"),
    partial(sandbox_released, sandbox_id=facts.SANDBOX, branch_kept=True),
    partial(task_provisioned, job_id=facts.JOB),
    partial(task_failed, job_id=facts.JOB, stage="x", message="x", issue_id=facts.ISSUE, code="x"),
    task_archived,
    task_killed,
    partial(issue_raised, issue_id=facts.ISSUE, code="x", message="x"),
    partial(files_outdated, status="queued"),
    partial(files_captured, base="b1", tree_id="t1", files=()),
    *(partial(session_ready, session_id=one) for one in SESSIONS),
    *(partial(session_failed, session_id=one, message="x") for one in SESSIONS),
    *(
        partial(permission_requested, session_id=one, request_id="p1", title="?", options=(OPTION,))
        for one in SESSIONS
    ),
    *(
        partial(message_delivered, session_id=one, message_id=message)
        for one in SESSIONS
        for message in MESSAGES
    ),
    *(
        partial(
            turn_ended,
            session_id=one,
            message_id=message,
            stop_reason="end_turn",
            transcript_version=Position(1),
        )
        for one in SESSIONS
        for message in MESSAGES
    ),
]

job_steps: list[Callable[[JobState], Sequence[Event]]] = [
    partial(
        opened,
        announced=facts.job_announced(),
        stages=facts.STAGES,
        announced_at=Timestamp(1),
    ),
    *(partial(started, worker=worker, host="h1") for worker in ("w1", "w2")),
    *(partial(stage_started, worker="w1", stage=facts.STAGES[0], attempt=n) for n in (1, 2)),
    partial(stage_succeeded, worker="w1", stage=facts.STAGES[0], attempt=1, result={}),
    partial(succeeded, worker="w1"),
    partial(failed, worker="w1", stage=facts.STAGES[0], message="x"),
    cancelled,
    lambda job: JOB.decide(job, CancelJob(job_id="job_1"), context_of()),
    lambda job: JOB.decide(job, RetryJob(job_id="job_1"), context_of()),
]


def decided(step: Callable[[], Sequence[Event]]) -> list[Event]:
    """What a step leads to; a refusal leads to nothing."""
    try:
        return list(step())
    except FoundryError:
        return []


def deciding(command: TaskCommand, number: int) -> TaskReport:
    context: Context = context_of(**IN_ACME, command_id=f"c{number}")
    return lambda task: TASK.decide(task, command, context)


steps = st.one_of(
    st.builds(deciding, st.sampled_from(commands), st.integers(0, 3)),
    st.sampled_from(task_reports),
)
BEGINNING = deciding(commands[0], 0)


@given(st.lists(steps, max_size=40))
def test_whatever_happens_to_a_task_twice_happens_once(lived: list[TaskReport]) -> None:
    task: TaskState = TASK.initial
    for step in [BEGINNING, *lived]:
        events = decided(partial(step, task))
        task = TASK.fold(events, Origin(), task)

        assert decided(partial(step, task)) == []


@given(st.lists(steps, max_size=40))
def test_a_task_keeps_its_promises_whatever_is_commanded_and_reported(
    lived: list[TaskReport],
) -> None:
    task: TaskState = TASK.initial
    delivered: list[MessageId] = []
    for step in [BEGINNING, *lived]:
        before = task
        events = decided(partial(step, task))
        task = TASK.fold(events, Origin(), task)
        delivered += [e.message_id for e in events if isinstance(e, MessageDelivered)]

        assert isinstance(task, Task)
        if isinstance(before, Task) and before.status == "killed":
            assert task.status == "killed"
        for session in task.sessions.values():
            assert session.status != "closed" or session.queue == ()
            assert all(session.messages[one.id] == "waiting" for one in session.queue)
            assert session.running is None or session.messages[session.running] == "delivered"
    assert len(delivered) == len(set(delivered))


@given(st.lists(st.sampled_from(job_steps), max_size=30))
def test_whatever_happens_to_a_job_twice_happens_once(
    lived: list[Callable[[JobState], Sequence[Event]]],
) -> None:
    job: JobState = JOB.initial
    for step in lived:
        job = JOB.fold(decided(partial(step, job)), Origin(), job)

        assert decided(partial(step, job)) == []


@given(st.lists(st.sampled_from(job_steps), max_size=30))
@example([job_steps[0], job_steps[1], job_steps[7], job_steps[-1]])
def test_a_job_that_succeeded_stays_that_and_its_results_stay(
    lived: list[Callable[[JobState], Sequence[Event]]],
) -> None:
    job: JobState = JOB.initial
    for step in lived:
        before = job
        job = JOB.fold(decided(partial(step, job)), Origin(), job)

        if isinstance(before, Job) and isinstance(job, Job):
            assert before.results.items() <= job.results.items()
            assert before.status != "succeeded" or job.status == "succeeded"


def test_a_stage_that_fails_again_is_a_new_fact_each_time() -> None:
    # Not once: the report's own id makes it so, because two attempts may fail in the same words.
    in_stage = folded(JOB, [facts.job_opened(), facts.job_started(), facts.stage_started()])
    report = partial(
        stage_failed, worker="w1", stage=facts.STAGES[0], attempt=1, message="x", retry_at=None
    )

    again = JOB.fold(report(in_stage), Origin(), in_stage)

    assert len(report(again)) == 1


@pytest.mark.parametrize("kind", [USER, ORGANIZATION, REPOSITORY, TASK, JOB, TRANSCRIPT])
@given(history=st.lists(st.sampled_from(EVERY_FACT), max_size=20), cut=st.integers(0, 20))
def test_facts_fold_in_any_order_and_however_they_are_cut_into_commits(
    kind: Kind[object], history: list[Event], cut: int
) -> None:
    whole = kind.fold(history)

    first = kind.fold(history[:cut])
    assert kind.fold(history[cut:], Origin(), first) == whole
