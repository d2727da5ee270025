"""The commands about a repository, and what the jobs that look at it report."""

from functools import partial

import pytest
from msgspec.structs import replace

from commands.context import Context
from commands.job import JOB as JOB_KIND
from commands.job_state import Job
from commands.repository import (
    REPOSITORY,
    RefreshRepository,
    branch_renamed,
    parent_recorded,
    sync_failed,
    synced,
)
from commands.stack import ActOnRepository
from events.commit import Event
from events.ids import JobId
from events.job import JobAnnounced
from tests import facts
from tests.decisions.given import Spec, context_of, folded, organization

repository = Spec(REPOSITORY)

REFRESH = RefreshRepository(repository_id="repo_1")
FIRST_SYNC = facts.job_announced(facts.OfRepository())
NEW_SYNC = JobAnnounced(
    job_id=JobId(context_of().id("job")),
    kind="repository_sync",
    organization_id=facts.ORGANIZATION,
    repository_id=facts.REPOSITORY,
    input={"remote_url": "https://example.com/acme/web.git"},
)


REPARENT = ActOnRepository(
    repository_id="repo_1", action="reparent_branch", branch="fix-1", parent="main"
)
NEW_REPARENT = replace(
    NEW_SYNC, kind="branch_reparent", input={**NEW_SYNC.input, "branch": "fix-1", "parent": "main"}
)


def listed(*job: Event) -> Context:
    """The organization lists the repository with its first sync, whose history is `job`."""
    state = folded(JOB_KIND, job)
    return context_of(
        organization=organization(FIRST_SYNC), job=state if isinstance(state, Job) else None
    )


def test_the_sync_of_the_beginning_counts_until_its_result_is_there() -> None:
    repository(given=[], when=REFRESH, then=[], context=listed())
    repository(given=[], when=REFRESH, then=[], context=listed(facts.job_opened()))


def test_a_refresh_announces_a_sync_and_the_next_finds_it_open() -> None:
    repository(given=[facts.repository_synced()], when=REFRESH, then=[NEW_SYNC], context=listed())


def test_a_sync_that_was_cancelled_without_a_result_does_not_stand_in_the_way() -> None:
    job = (facts.job_opened(), facts.job_cancel_requested(), facts.job_cancelled())

    events = REPOSITORY.decide(REPOSITORY.initial, REFRESH, listed(*job))

    assert events == [NEW_SYNC]


def test_a_failed_sync_counts_as_a_result() -> None:
    repository(
        given=[facts.repository_sync_failed()], when=REFRESH, then=[NEW_SYNC], context=listed()
    )


def test_a_repository_that_was_removed_is_not_found() -> None:
    removed = context_of(organization=organization(facts.repository_removed()))

    repository(given=[], when=REFRESH, refused="not_found", context=removed)


def test_syncing_a_repository_is_looking_at_its_remote() -> None:
    command = ActOnRepository(repository_id="repo_1", action="sync_repo")

    repository(given=[facts.repository_synced()], when=command, then=[NEW_SYNC], context=listed())


def test_an_action_announces_its_job_and_the_same_one_again_finds_it_open() -> None:
    repository(given=[], when=REPARENT, then=[NEW_REPARENT], context=listed())


def test_the_same_action_on_another_branch_is_another_job() -> None:
    other = replace(REPARENT, branch="fix-2")

    events = REPOSITORY.decide(folded(REPOSITORY, [NEW_REPARENT]), other, listed())

    assert [event.kind for event in events if isinstance(event, JobAnnounced)] == [
        "branch_reparent"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "restack_repo", "branch": "fix-1"},
        {"action": "restack_subtree"},
        {"action": "rebase_branch"},
        {"action": "rebase_branch", "branch": "fix-1", "parent": "main"},
        {"action": "reparent_branch", "branch": "fix-1"},
        {"action": "reparent_branch", "branch": "-f", "parent": "main"},
    ],
)
def test_an_action_takes_the_branches_it_needs_and_no_others(fields: dict[str, str]) -> None:
    command = ActOnRepository(repository_id="repo_1", **fields)  # type: ignore[arg-type]

    repository(given=[], when=command, refused="malformed", context=listed())


@pytest.mark.parametrize("parent", ["fix-1", "fix-2", "fix-3"])
def test_a_stack_cannot_go_in_a_circle(parent: str) -> None:
    given = [
        facts.branch_parent_recorded("fix-2", "fix-1"),
        facts.branch_parent_recorded("fix-3", "fix-2"),
    ]

    repository(
        given=given,
        when=replace(REPARENT, parent=parent),
        refused="stack_circle",
        context=listed(),
    )


def test_where_a_branch_begins_is_recorded_once() -> None:
    recorded = partial(
        parent_recorded,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        branch="fix-1",
        parent="main",
        base="a1",
    )
    known = folded(REPOSITORY, [facts.branch_parent_recorded()])

    assert recorded(REPOSITORY.initial) == [facts.branch_parent_recorded()]
    assert recorded(known) == []
    assert len(recorded(known, base="a2")) == 1


def test_a_renamed_branch_stays_where_it_was_in_its_stack() -> None:
    renamed = partial(
        branch_renamed,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        old="fix-2",
        new="better",
    )
    recorded = facts.branch_parent_recorded
    known = [recorded("fix-1", "main"), recorded("fix-2", "fix-1"), recorded("fix-3", "fix-2")]
    told = [recorded("better", "fix-1"), recorded("fix-3", "better")]

    assert renamed(folded(REPOSITORY, known)) == told
    assert renamed(folded(REPOSITORY, [*known, *told])) == []
    assert renamed(REPOSITORY.initial) == []


def test_a_sync_reports_its_result_once() -> None:
    found = partial(
        synced,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        job_id=facts.SYNC_JOB,
        default_branch="main",
        branches=(),
    )
    done = folded(REPOSITORY, [facts.repository_synced()])
    failed = folded(REPOSITORY, [facts.repository_sync_failed()])

    assert found(done) == []
    assert found(failed) == [facts.repository_synced()]


def test_a_sync_that_failed_says_so_once() -> None:
    missed = partial(
        sync_failed,
        organization_id=facts.ORGANIZATION,
        repository_id=facts.REPOSITORY,
        job_id=facts.SYNC_JOB,
        message="no such host",
    )

    assert missed(REPOSITORY.initial) == [facts.repository_sync_failed()]
    assert missed(folded(REPOSITORY, [facts.repository_sync_failed()])) == []
