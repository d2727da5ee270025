"""What workers report about a task, its files and its transcripts: what no longer fits changes nothing."""

from functools import partial

import pytest
from msgspec.structs import replace

from commands.task_reports import (
    files_captured,
    files_outdated,
    issue_raised,
    issue_resolved,
    sandbox_allocated,
    sandbox_ready,
    sandbox_released,
    task_archived,
    task_failed,
    task_killed,
    task_named,
    task_provisioned,
    tree_changed,
)
from commands.transcript import TRANSCRIPT, Transcript, appended
from events.commit import Event
from events.ids import IssueId, JobId, SandboxId
from events.task_files import TreeFile
from runtime.errors import Rejected
from tests import facts
from tests.decisions.given import folded
from tests.decisions.task_at_work import MADE, READY, after

OF_HOST_1 = {"provider": "local", "host": "h1", "path": "/sandboxes/1"}


# --- Provisioning ---


def test_a_branch_is_settled_once() -> None:
    assert task_named(after(*MADE), branch="fix-login") == [facts.task_named()]
    assert task_named(after(*MADE, facts.task_named()), branch="fix-login") == []


def test_a_sandbox_is_allocated_once_and_another_one_is_refused() -> None:
    other = SandboxId("sbx_2")
    with_one = after(*MADE, facts.sandbox_allocated())

    assert sandbox_allocated(after(*MADE), sandbox_id=facts.SANDBOX, **OF_HOST_1) == [
        facts.sandbox_allocated()
    ]
    assert sandbox_allocated(with_one, sandbox_id=facts.SANDBOX, **OF_HOST_1) == []
    with pytest.raises(Rejected):
        sandbox_allocated(with_one, sandbox_id=other, **OF_HOST_1)


def test_a_task_that_is_put_away_takes_no_sandbox() -> None:
    killed = after(*MADE, facts.task_kill_requested())

    with pytest.raises(Rejected):
        sandbox_allocated(killed, sandbox_id=facts.SANDBOX, **OF_HOST_1)


def test_a_sandbox_is_ready_from_the_commit_its_branch_starts_at() -> None:
    allocated = after(*MADE, facts.sandbox_allocated())

    assert sandbox_ready(allocated, sandbox_id=facts.SANDBOX, base="b1") == [facts.sandbox_ready()]
    assert sandbox_ready(after(*READY), sandbox_id=facts.SANDBOX, base="b1") == []
    with pytest.raises(Rejected):
        sandbox_ready(after(*MADE), sandbox_id=facts.SANDBOX, base="b1")


def test_a_sandbox_is_released_once() -> None:
    gone = after(*READY, facts.sandbox_released())

    assert sandbox_released(after(*READY), sandbox_id=facts.SANDBOX, branch_kept=True) == [
        facts.sandbox_released()
    ]
    assert sandbox_released(gone, sandbox_id=facts.SANDBOX, branch_kept=True) == []


def test_with_a_sandbox_goes_what_its_files_still_wait_for() -> None:
    waiting = after(*READY, *files_outdated(after(*READY), status="queued"))

    given_up, released = sandbox_released(waiting, sandbox_id=facts.SANDBOX, branch_kept=True)

    assert [given_up] == files_outdated(waiting, status="stale")
    assert released == facts.sandbox_released()


def test_what_is_provisioned_has_no_open_issue_of_that_job_left() -> None:
    failed = after(*MADE, facts.task_failed(), facts.issue_raised())

    assert task_provisioned(failed, job_id=facts.JOB) == [
        facts.task_provisioned(),
        facts.issue_resolved(),
    ]
    assert task_provisioned(after(*READY), job_id=facts.JOB) == []


def test_a_failed_provisioning_raises_the_issue_that_offers_the_retry() -> None:
    events = task_failed(
        after(*MADE),
        job_id=facts.JOB,
        stage=facts.STAGES[0],
        message="disk full",
        issue_id=facts.ISSUE,
        code="stage_failed",
    )

    assert events == [facts.task_failed(), facts.issue_raised()]


@pytest.mark.parametrize(
    ("since", "code", "raised"),
    [
        ([facts.issue_raised()], "stage_failed", []),
        ([facts.issue_raised()], "branch_exists", [facts.issue_raised(code="branch_exists")]),
        ([facts.issue_raised(), facts.issue_resolved()], "stage_failed", [facts.issue_raised()]),
    ],
)
def test_a_retry_that_fails_too_leaves_an_issue_that_says_why(
    since: list[Event], code: str, raised: list[Event]
) -> None:
    events = task_failed(
        after(*MADE, facts.task_failed(), *since),
        job_id=facts.JOB,
        stage=facts.STAGES[0],
        message="disk full",
        issue_id=facts.ISSUE,
        code=code,
    )

    assert events == raised


def test_a_retry_that_fails_at_a_later_stage_settles_the_issue_of_the_earlier_one() -> None:
    elsewhere = replace(facts.issue_raised(issue=IssueId("iss_2")), retry_job_id=JobId("job_2"))
    failed = after(*MADE, facts.task_failed(), facts.issue_raised(), elsewhere)
    later = IssueId("iss_3")

    events = task_failed(
        failed,
        job_id=facts.JOB,
        stage=facts.STAGES[1],
        message="disk full",
        issue_id=later,
        code="stage_failed",
    )

    raised = replace(facts.issue_raised(issue=later), stage=facts.STAGES[1])
    assert events == [facts.issue_resolved(), raised]


def test_a_task_is_archived_or_killed_only_when_that_was_asked_for() -> None:
    archiving = after(*READY, facts.task_archive_requested())
    killing = after(*READY, facts.task_archive_requested(), facts.task_kill_requested())

    assert task_archived(after(*READY)) == []
    assert task_archived(archiving) == [facts.task_archived()]
    assert task_archived(killing) == []
    assert task_killed(killing) == [facts.task_killed()]


def test_what_is_put_away_leaves_no_issue_open_and_raises_none() -> None:
    two = (facts.issue_raised(), facts.issue_raised(issue=IssueId("iss_2")))
    open_issues = [*READY, *two, facts.issue_resolved(issue=IssueId("iss_2"))]
    archiving = after(*open_issues, facts.task_archive_requested())
    killing = after(*open_issues, facts.task_kill_requested())
    raised = partial(issue_raised, issue_id=IssueId("iss_3"), code="stage_failed", message="x")

    assert task_archived(archiving) == [facts.task_archived(), facts.issue_resolved()]
    assert task_killed(killing) == [facts.task_killed(), facts.issue_resolved()]
    assert raised(killing)
    assert raised(after(*READY, facts.task_archive_requested(), facts.task_archived())) == []
    assert raised(after(*READY, facts.task_kill_requested(), facts.task_killed())) == []


# --- Files, issues, transcripts ---


def test_the_same_files_are_captured_again_only_after_they_were_outdated() -> None:
    captured = facts.files_captured()
    same = partial(files_captured, base="b1", tree_id="t1", files=())
    known = after(*READY, captured)

    assert same(after(*READY)) == [captured]
    assert same(known) == []
    assert files_outdated(known, status="queued") == [facts.files_outdated()]
    assert same(after(*READY, captured, facts.files_outdated())) == [captured]


def test_a_capture_carries_the_tree_it_differs_by() -> None:
    put = [TreeFile(path="a.py", size=4)]

    events = files_captured(after(*READY), base="b1", tree_id="t1", files=(), put=put)

    assert events == [facts.tree_changed(put=("a.py",)), facts.files_captured()]
    assert tree_changed(after(*READY)) == []


def test_an_issue_is_raised_while_it_is_not_open_and_resolved_while_it_is() -> None:
    raised = after(*READY, facts.issue_raised())
    resolved = after(*READY, facts.issue_raised(), facts.issue_resolved())

    again = partial(issue_raised, issue_id=facts.ISSUE, code="stage_failed", message="x")
    assert again(raised) == []
    assert len(again(resolved)) == 1
    assert issue_resolved(raised, issue_id=facts.ISSUE) == [facts.issue_resolved()]
    assert issue_resolved(resolved, issue_id=facts.ISSUE) == []


def test_entries_go_on_where_the_newest_commit_of_the_transcript_ends() -> None:
    first = facts.entries_appended(facts.entry("a"), facts.entry("b"), first_index=4)
    next_ones = partial(
        appended,
        organization_id=facts.ORGANIZATION,
        task_id=facts.TASK,
        session_id=facts.SESSION,
    )

    transcript = folded(TRANSCRIPT, [first])

    assert transcript == Transcript(6)
    assert next_ones(transcript, entries=[facts.entry("c")]) == [
        facts.entries_appended(facts.entry("c"), first_index=6)
    ]
    assert next_ones(transcript, entries=[]) == []
