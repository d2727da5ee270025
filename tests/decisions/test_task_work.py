"""The commands about a task's work: its branch pushed, merged and renamed, its files reverted."""

from typing import get_args

import pytest
from msgspec.structs import replace

from commands.context import Context
from commands.job import JOB as JOB_KIND
from commands.job_state import Job
from commands.refusals import check_branch
from commands.task import TASK
from commands.task_commands import (
    BranchCommand,
    MergeTask,
    PushTask,
    RenameBranch,
    RevertFile,
)
from commands.task_reports import issues_settled
from events.commit import Event
from events.ids import IssueId, JobId
from events.job import JobAnnounced
from runtime.errors import Invalid, Rejected
from tests import facts
from tests.decisions.given import Spec, context_of, folded, refusal

task = Spec(TASK)

READY: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.message_queued(),
    facts.job_announced(),
    facts.task_named(),
    facts.sandbox_allocated(),
    facts.sandbox_ready(),
    facts.session_ready(),
    facts.task_provisioned(),
]
COMMANDS: list[BranchCommand] = [
    PushTask(task_id="task_1"),
    MergeTask(task_id="task_1"),
    RenameBranch(task_id="task_1", branch="mend-login"),
    RevertFile(task_id="task_1", path="b/ü c.py"),
]

REMOTE = {"remote_url": facts.task_created().remote_url}


def announced(kind: str, **details: str) -> JobAnnounced:
    job = JobId(context_of().id("job"))
    return replace(facts.job_announced(facts.OfTask(job=job, kind=kind)), input=details)


def with_job(kind: str, *ended: Event) -> Context:
    """The newest job of a kind is known by its own history."""
    job = folded(JOB_KIND, [facts.job_opened(facts.OfTask(kind=kind)), *ended])
    assert isinstance(job, Job)
    return context_of(job=job)


def test_every_command_about_the_work_is_tried_here() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(BranchCommand))


@pytest.mark.parametrize(
    ("command", "job"),
    [
        (COMMANDS[0], announced("task_push", **REMOTE)),
        (COMMANDS[1], announced("task_merge", **REMOTE)),
        (COMMANDS[2], announced("task_rename_branch", branch="mend-login", **REMOTE)),
        (COMMANDS[3], announced("task_revert_file", path="b/ü c.py")),
    ],
)
def test_each_command_announces_its_job_once(command: BranchCommand, job: JobAnnounced) -> None:
    task(given=READY, when=command, then=[job])


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_sandbox_nothing_can_be_done(command: BranchCommand) -> None:
    task(given=READY[:4], when=command, refused="not_ready")
    task(given=[*READY, facts.task_archive_requested()], when=command, refused="task_over")


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_the_branch_is_left_alone_while_an_agent_is_at_work_on_it(command: BranchCommand) -> None:
    task(given=[*READY, facts.message_delivered()], when=command, refused="turn_running")


def test_a_push_that_ended_does_not_stand_in_the_way_of_the_next() -> None:
    given = [*READY, facts.job_announced(facts.OfTask(kind="task_push"))]
    ended = with_job(
        "task_push",
        facts.job_started(facts.OfTask(kind="task_push")),
        facts.job_succeeded(facts.OfTask(kind="task_push")),
    )

    assert TASK.decide(folded(TASK, given), COMMANDS[0], with_job("task_push")) == []
    assert TASK.decide(folded(TASK, given), COMMANDS[0], ended) == [
        announced("task_push", **REMOTE)
    ]


def test_a_push_that_is_asked_for_again_settles_only_the_issue_of_the_one_that_failed() -> None:
    of_push = facts.OfTask(kind="task_push")
    other = replace(
        facts.issue_raised(), issue_id=IssueId("iss_2"), retry_job_id=JobId("job_of_a_merge")
    )
    settled = IssueId("iss_3")
    given = [
        *READY,
        facts.job_announced(of_push),
        facts.issue_raised(),
        other,
        facts.issue_raised(issue=settled),
        facts.issue_resolved(issue=settled),
    ]
    failed = with_job("task_push", facts.job_started(of_push), facts.job_failed(of_push))

    again = TASK.decide(folded(TASK, given), COMMANDS[0], failed)

    assert again == [announced("task_push", **REMOTE), facts.issue_resolved()]


def test_a_branch_is_renamed_to_one_name_at_a_time() -> None:
    renaming = [*READY, announced("task_rename_branch", branch="mend-login", **REMOTE)]

    task(given=renaming, when=COMMANDS[2], then=[], context=with_job("task_rename_branch"))
    task(
        given=renaming,
        when=RenameBranch(task_id="task_1", branch="other"),
        refused="job_open",
        context=with_job("task_rename_branch"),
    )


def test_a_branch_keeps_its_own_name_and_takes_no_bad_one() -> None:
    task(given=READY, when=RenameBranch(task_id="task_1", branch="fix-login"), then=[])
    task(given=READY, when=RenameBranch(task_id="task_1", branch="a b"), refused="malformed")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", ".git/config", "a/.GIT/x", "."]
)
def test_a_path_out_of_the_repository_is_malformed(path: str) -> None:
    task(given=READY, when=RevertFile(task_id="task_1", path=path), refused="malformed")


def test_two_files_are_reverted_by_two_jobs() -> None:
    state = folded(TASK, [*READY, facts.job_announced(facts.OfTask(kind="task_revert_file"))])

    events = TASK.decide(state, COMMANDS[3], context_of())

    assert events == [announced("task_revert_file", path="b/ü c.py")]


def test_a_killed_task_is_refused_in_the_words_of_its_end() -> None:
    killed = folded(TASK, [*READY, facts.task_kill_requested(), facts.task_killed()])

    assert refusal(TASK, killed, PushTask(task_id="task_1"), context_of()) == "task_over"


def test_success_settles_what_was_in_the_way_of_its_stages() -> None:
    failed = folded(TASK, [*READY, facts.issue_raised()])

    assert issues_settled(failed, stages={facts.STAGES[0]}) == [facts.issue_resolved()]
    assert issues_settled(failed, stages={"pushed"}) == []


def test_a_branch_that_is_too_long_is_told_so() -> None:
    with pytest.raises(Invalid, match="240 bytes"):
        check_branch("/branch", "b" * 241)


@pytest.mark.parametrize(
    ("ending", "advice"),
    [
        ([facts.task_kill_requested(), facts.task_killed()], "create a new one"),
        ([facts.task_archive_requested(), facts.task_archived()], "another task on its branch"),
    ],
)
def test_a_refusal_advises_nothing_that_the_end_of_the_task_took_away(
    ending: list[Event], advice: str
) -> None:
    ended = folded(TASK, [*READY, *ending])

    with pytest.raises(Rejected, match=advice):
        TASK.decide(ended, PushTask(task_id="task_1"), context_of())


def test_who_waits_for_a_sandbox_that_will_not_come_is_told_so() -> None:
    failed = folded(TASK, [*READY[:4], facts.task_failed()])

    with pytest.raises(Rejected, match=r"job\.retry") as refused:
        TASK.decide(failed, PushTask(task_id="task_1"), context_of())

    assert refused.value.code == "not_ready"
