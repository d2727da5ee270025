"""The pure choices of the job engine: which job may run, where, by whom, and when it is tried again."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from commands.directory import OpenJob
from commands.task import TASK
from commands.task_commands import MergeTask, PushTask, RenameBranch
from commands.task_state import Sandbox, Task
from events.commit import Event
from events.ids import JobId, OrganizationId, Position, RepositoryId, SandboxId, TaskId, Timestamp
from events.job import REPOSITORY_SYNC, JobAnnounced
from tests import facts
from tests.decisions.given import context_of, folded
from tests.workflows.ready_task import READY
from workflows import repository_sync
from workflows.announcements import Announcement
from workflows.host_watch import needs_host
from workflows.job_kind import JobContext, JobKind, Retry, StageFailure
from workflows.job_lanes import LANES
from workflows.job_queue import first_runnable
from workflows.job_sweep import is_idle
from workflows.leftovers import branch_of_orphan
from workflows.placement import Place, place
from workflows.repository_sync import RepositorySync


def task(*history: Event) -> Task:
    state = folded(TASK, history)
    assert isinstance(state, Task)
    return state


# --- Which may run ---


async def _never(job: JobContext, stage: str, failure: StageFailure) -> None:
    raise AssertionError


KINDS = {
    "sync": JobKind(name="sync", stages=(), failed=_never, at_once=2, per_repository=1),
    "kill": JobKind(name="kill", stages=(), failed=_never),
    "look": JobKind(name="look", stages=(), failed=_never, per_remote=1),
}
FIRST, SECOND = "https://one.example/a", "https://two.example/b"


def job(name: str, kind: str = "sync", repository: str = "repo_1", **input: str) -> Announcement:
    event = JobAnnounced(
        job_id=JobId(name),
        kind=kind,
        organization_id=OrganizationId("org_1"),
        repository_id=RepositoryId(repository),
        input=input,
    )
    return Announcement(event=event, at=Timestamp(0), correlation_id="")


@pytest.mark.parametrize(
    ("waiting", "running", "chosen"),
    [
        ([], [], None),
        ([job("a"), job("b")], [], "a"),
        ([job("b")], [job("a")], None),
        ([job("b"), job("c", repository="repo_2")], [job("a")], "c"),
        (
            [job("c", repository="repo_3"), job("d", "kill")],
            [job("a"), job("b", repository="repo_2")],
            "d",
        ),
        ([job("a", "kill")], [job("a", "kill")], None),
        ([job("d", "kill")], [job("a", "kill"), job("b", "kill"), job("c", "kill")], None),
    ],
)
def test_a_job_waits_for_a_place_in_all_of_its_kind_and_of_its_repository(
    waiting: Sequence[Announcement], running: Sequence[Announcement], chosen: str | None
) -> None:
    found = first_runnable(waiting, running, KINDS, lanes=3)

    assert (found.event.job_id if found else None) == chosen


@pytest.mark.parametrize(
    ("waiting", "running", "chosen"),
    [
        ([job("b", "look", remote_url=FIRST)], [job("a", "look", remote_url=FIRST)], None),
        ([job("b", "look", remote_url=SECOND)], [job("a", "look", remote_url=FIRST)], "b"),
        ([job("b", "look", remote_url=FIRST)], [job("a", "kill", remote_url=FIRST)], "b"),
        ([job("b", "look")], [job("a", "look")], "b"),
    ],
)
def test_a_job_waits_for_a_place_of_its_kind_at_its_remote(
    waiting: Sequence[Announcement], running: Sequence[Announcement], chosen: str | None
) -> None:
    found = first_runnable(waiting, running, KINDS, lanes=3)

    assert (found.event.job_id if found else None) == chosen


def test_two_remotes_that_never_answer_leave_a_place_for_a_look_at_others() -> None:
    def look(name: str, remote_url: str) -> Announcement:
        return job(name, REPOSITORY_SYNC, f"repo_{name}", remote_url=remote_url)

    sync = repository_sync.kind(RepositorySync(aggregates=None, reports=None, remotes=None))  # type: ignore[arg-type]
    waiting = [look(f"{number}", FIRST if number % 2 else SECOND) for number in range(10)]
    running: list[Announcement] = []
    while found := first_runnable(waiting, running, {REPOSITORY_SYNC: sync}, lanes=LANES):
        waiting.remove(found)
        running.append(found)

    third = look("third", "https://three.example/c")
    found = first_runnable([*waiting, third], running, {REPOSITORY_SYNC: sync}, lanes=LANES)

    assert found == third


@pytest.mark.parametrize(
    ("waiting", "running", "chosen"),
    [
        ([job("b", repository="repo_2", remote_url=FIRST)], [job("a", remote_url=FIRST)], None),
        ([job("b", repository="repo_2", remote_url=SECOND)], [job("a", remote_url=FIRST)], "b"),
        ([job("b", repository="repo_2")], [job("a", remote_url=FIRST)], "b"),
        ([job("b", repository="repo_2", remote_url=FIRST)], [job("a")], "b"),
        ([job("b", repository="repo_2", remote_url=FIRST)], [], "b"),
        # Of all lanes too, whatever is to be done.
        (
            [job("c", remote_url=FIRST), job("d", "kill")],
            [job("a", "kill", remote_url=FIRST), job("b", "kill", remote_url=FIRST)],
            "d",
        ),
        (
            [job("c", "kill", remote_url=FIRST)],
            [job("a", "kill", remote_url=FIRST), job("b", "kill", remote_url=SECOND)],
            "c",
        ),
    ],
)
def test_the_last_place_is_not_for_the_remote_that_has_all_others(
    waiting: Sequence[Announcement], running: Sequence[Announcement], chosen: str | None
) -> None:
    found = first_runnable(waiting, running, KINDS, lanes=3)

    assert (found.event.job_id if found else None) == chosen


@pytest.mark.parametrize(
    "command",
    [
        PushTask(task_id="task_1"),
        MergeTask(task_id="task_1"),
        RenameBranch(task_id="task_1", branch="other"),
    ],
)
def test_the_work_of_tasks_that_goes_to_one_remote_leaves_a_place_to_that_of_others(
    command: PushTask | MergeTask | RenameBranch,
) -> None:
    """As the commands announce it: a remote that never answers holds each for minutes."""

    def asked(name: str, remote_url: str) -> Announcement:
        created = replace(facts.task_created(), remote_url=remote_url)
        [event, *_] = TASK.decide(folded(TASK, [created, *READY[1:]]), command, context_of())
        assert isinstance(event, JobAnnounced)
        return Announcement(
            event=replace(event, job_id=JobId(name)), at=Timestamp(0), correlation_id=""
        )

    kind = JobKind(name="any", stages=(), failed=_never, at_once=2)
    kinds = dict.fromkeys(("task_push", "task_merge", "task_rename_branch"), kind)
    silent = [asked("a", FIRST), asked("b", FIRST)]

    found = first_runnable([silent[1], asked("c", SECOND)], silent[:1], kinds, lanes=3)

    assert found is not None
    assert found.event.job_id == "c"


# --- Where ---


@pytest.mark.parametrize(
    ("kind", "host", "cancelled", "expected"),
    [
        ("task_provision", None, False, "anywhere"),
        ("task_provision", "here", False, "here"),
        ("task_provision", "there", False, "elsewhere"),
        ("task_kill", "there", False, "elsewhere"),
        ("task_kill", "lost", False, "anywhere"),
        ("task_archive", "lost", False, "elsewhere"),
        ("task_archive", "lost", True, "anywhere"),
    ],
)
def test_a_job_goes_to_the_host_of_its_sandbox_unless_it_can_do_without(
    kind: str, host: str | None, cancelled: bool, expected: Place
) -> None:
    sandbox = (
        Sandbox(id=SandboxId("sbx_1"), provider="local", host=host, path="/") if host else None
    )

    assert (
        place(kind, sandbox, here="here", cancelled=cancelled, away=lambda host: host == "lost")
        == expected
    )


@pytest.mark.parametrize(
    ("sandbox_host", "started_on", "idle"),
    [
        (None, None, True),
        (None, "here", True),
        (None, "there", False),
        (None, "left", True),
        ("here", "there", True),
        ("there", None, False),
        ("left", "left", False),
        ("lost", "lost", True),
    ],
)
def test_an_open_job_is_idle_when_nobody_who_is_there_has_it(
    sandbox_host: str | None, started_on: str | None, idle: bool
) -> None:
    open_job = OpenJob(
        job_id=JobId("job_1"),
        kind="task_provision",
        organization_id=OrganizationId("org_1"),
        repository_id=None,
        task_id=TaskId("task_1"),
        announced_in="task",
        announced_by="task_1",
        announced_position=Position(1),
        opened=True,
        sandbox_host=sandbox_host,
        started_on=started_on,
    )

    found = is_idle(
        open_job,
        here="here",
        away=lambda host: host == "lost",
        gone=lambda host: host in ("lost", "left"),
    )

    assert found is idle


# --- When again ---


def test_pauses_grow_up_to_a_bound_and_vary_by_chance() -> None:
    retry = Retry(attempts=9, first=0.5, longest=4)

    assert [retry.delay(n, random_unit=lambda: 1) for n in range(1, 6)] == [0.5, 1, 2, 4, 4]
    assert [retry.delay(n, random_unit=lambda: 0) for n in range(1, 6)] == [0.25, 0.5, 1, 2, 2]


# --- Other hosts, and what they leave ---


def test_only_work_that_is_open_needs_its_host() -> None:
    assert needs_host(task(*READY), here="h2") is None
    assert needs_host(task(*READY, facts.message_queued()), here="h2") == "h1"
    assert needs_host(task(*READY, facts.message_queued()), here="h1") is None
    assert needs_host(task(*READY, facts.task_archive_requested()), here="h2") == "h1"
    assert needs_host(task(*READY, facts.task_kill_requested()), here="h2") is None


def test_an_orphan_loses_its_branch_only_when_its_task_was_killed() -> None:
    killed = [*READY, facts.task_kill_requested(), facts.sandbox_released(), facts.task_killed()]
    archived = [
        *(*READY, facts.task_archive_requested()),
        *(facts.sandbox_released(), facts.task_archived()),
    ]

    assert branch_of_orphan(task(*READY), host="h1") is None
    # Its allocation went with the end of the log: the job is about to find what it made.
    assert branch_of_orphan(task(*READY[:3]), host="h1") is None
    assert branch_of_orphan(task(*killed), host="h1") == "delete"
    assert branch_of_orphan(task(*archived), host="h1") == "keep"
    assert branch_of_orphan(TASK.initial, host="h1") == "keep"
