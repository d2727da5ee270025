"""The commands about a task."""

import msgspec
import pytest
from msgspec.structs import replace

from commands.context import Context
from commands.job import JOB
from commands.task import TASK, title_from
from commands.task_commands import (
    ArchiveTask,
    CreateTask,
    KillTask,
    PublishPullRequest,
    RenameTask,
    ResolveIssue,
)
from events.commit import Event, tag_of
from events.ids import JobId
from events.job import JobAnnounced
from events.task import TaskCreated
from tests import facts
from tests.decisions.given import Spec, context_of, folded, organization, refusal

task = Spec(TASK)

MADE: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.message_queued(),
    facts.job_announced(),
]
READY: list[Event] = [*MADE, facts.session_ready(), facts.task_provisioned()]
CREATE = CreateTask(repository_id="repo_1", prompt="Fix login\nIt is broken.", task_id="task_1")


def in_organization(**known: object) -> Context:
    return context_of(organization=organization(), **known)


def announced(kind: str) -> JobAnnounced:
    job = JobId(context_of().id("job"))
    return facts.job_announced(facts.OfTask(job=job, kind=kind))


# --- Made ---


def test_a_task_is_made_with_its_session_its_first_message_and_its_job_in_one_decision() -> None:
    events = TASK.decide(TASK.initial, CREATE, in_organization())

    assert [tag_of(event) for event in events] == [
        "task_created",
        "agent_session_created",
        "message_queued",
        "job_announced",
    ]


def test_its_job_names_the_remote_it_needs() -> None:
    created, *_, announced = TASK.decide(TASK.initial, CREATE, in_organization())

    assert isinstance(created, TaskCreated)
    assert isinstance(announced, JobAnnounced)
    assert announced.input["remote_url"] == created.remote_url


def test_two_tasks_of_one_command_id_share_nothing() -> None:
    def made(task_id: str) -> set[str]:
        context = in_organization(chosen_id=task_id)
        events = TASK.decide(TASK.initial, replace(CREATE, task_id=task_id), context)
        named = [msgspec.to_builtins(event) for event in events]
        return {
            one[field]
            for one in named
            for field in ("task_id", "session_id", "message_id", "job_id")
            if field in one
        }

    assert made("task_1").isdisjoint(made("task_2"))
    assert made("task_1") == made("task_1")


def test_a_task_that_is_there_cannot_be_made_again_under_its_id() -> None:
    task(given=MADE, when=CREATE, refused="already_exists", context=in_organization())


@pytest.mark.parametrize(
    ("defaults", "asked", "agent", "model"),
    [
        ({}, {}, "shell", None),
        ({"default_agent": "claude", "default_model": "large"}, {}, "claude", "large"),
        ({"default_agent": "claude", "default_model": "large"}, {"agent": "shell"}, "shell", None),
        ({"default_agent": "claude"}, {"model": "small"}, "claude", "small"),
    ],
)
def test_the_agent_is_the_one_asked_for_else_the_organizations_else_the_shell(
    defaults: dict[str, str], asked: dict[str, str], agent: str, model: str | None
) -> None:
    given = organization(facts.organization_updated(**defaults))
    command = CreateTask(repository_id="repo_1", prompt="Fix login", **asked)  # type: ignore[arg-type]

    created = TASK.decide(TASK.initial, command, context_of(organization=given))[0]

    assert isinstance(created, TaskCreated)
    assert (created.agent, created.model) == (agent, model)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("agent", "nobody", "unknown_agent"),
        ("sandbox", "moon", "unknown_sandbox"),
        ("branch", "-rf", "malformed"),
        ("branch", "a..b", "malformed"),
        ("branch", "ä" * 121, "malformed"),
        ("on_branch", "x.lock", "malformed"),
        ("task_id", "task_../x", "malformed"),
        ("repository_id", "repo_2", "not_found"),
    ],
)
def test_a_task_that_could_not_be_worked_on_is_not_made(field: str, value: str, code: str) -> None:
    fields = {"repository_id": "repo_1", "prompt": "Fix login", field: value}
    command = CreateTask(**fields)  # type: ignore[arg-type]

    task(given=[], when=command, refused=code, context=in_organization())


def test_a_task_has_a_new_branch_or_an_existing_one_not_both() -> None:
    command = CreateTask(repository_id="repo_1", prompt="x", branch="a", on_branch="b")

    task(given=[], when=command, refused="malformed", context=in_organization())


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Fix login", "Fix login"),
        ("\n  \n  Fix \t login  \nand more", "Fix login"),
        ("x" * 100, "x" * 79 + "…"),
        ("\x1b[31mred", "[31mred"),
        ("\u200b\u2028", "Task"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f469\u200d\U0001f467 at home", "\U0001f469\u200d\U0001f467 at home"),
        ("\u200d \u200c\nFix", "Fix"),
    ],
)
def test_a_title_is_taken_from_the_prompts_first_line(prompt: str, title: str) -> None:
    assert title_from(prompt) == title


# --- Renamed ---


def test_a_task_can_be_renamed() -> None:
    task(
        given=MADE,
        when=RenameTask(task_id="task_1", title="Mend login"),
        then=[facts.task_renamed(title="Mend login")],
    )


def test_what_is_no_task_cannot_be_renamed() -> None:
    task(given=[], when=RenameTask(task_id="task_1", title="x"), refused="not_found")


# --- Put away ---


def test_archiving_announces_the_job_that_clears_the_sandbox_away() -> None:
    task(
        given=READY,
        when=ArchiveTask(task_id="task_1"),
        then=[facts.task_archive_requested(), announced("task_archive")],
    )


@pytest.mark.parametrize(
    "given",
    [
        MADE,
        READY,
        [*MADE, facts.task_failed()],
        [*READY, facts.task_archive_requested()],
        [*READY, facts.task_archive_requested(), facts.task_archived()],
    ],
)
def test_a_task_can_be_killed_from_every_state(given: list[Event]) -> None:
    task(
        given=given,
        when=KillTask(task_id="task_1"),
        then=[facts.task_kill_requested(), announced("task_kill")],
    )


@pytest.mark.parametrize(
    ("command", "kind", "requested"),
    [
        (ArchiveTask(task_id="task_1"), "task_archive", facts.task_archive_requested()),
        (KillTask(task_id="task_1"), "task_kill", facts.task_kill_requested()),
    ],
)
def test_a_command_that_came_to_nothing_and_is_given_again_gets_another_job(
    command: ArchiveTask | KillTask, kind: str, requested: Event
) -> None:
    of = facts.OfTask(kind=kind)
    ending = folded(TASK, [*READY, requested, facts.job_announced(of)])
    opened: list[Event] = [facts.job_opened(of), facts.job_started(of)]

    def again(*history: Event) -> list[Event]:
        job = folded(JOB, history)
        return TASK.decide(ending, command, context_of(job=job if history else None))

    assert again() == []
    assert again(*opened) == []
    assert again(*opened, facts.job_failed(of)) == [announced(kind)]
    assert again(*opened, facts.job_cancel_requested(of), facts.job_cancelled(of)) == [
        announced(kind)
    ]


def test_a_killed_task_can_be_neither_archived_nor_renamed() -> None:
    killed = folded(TASK, [*READY, facts.task_kill_requested(), facts.task_killed()])
    rename = RenameTask(task_id="task_1", title="x")

    assert refusal(TASK, killed, ArchiveTask(task_id="task_1"), context_of()) == "task_over"
    assert refusal(TASK, killed, rename, context_of()) == "task_over"


# --- Issues, and what is not there yet ---


def test_an_issue_can_be_resolved_once() -> None:
    task(
        given=[*MADE, facts.issue_raised()],
        when=ResolveIssue(task_id="task_1", issue_id="iss_1"),
        then=[facts.issue_resolved()],
    )


def test_an_issue_that_never_was_is_not_found() -> None:
    task(given=MADE, when=ResolveIssue(task_id="task_1", issue_id="iss_9"), refused="not_found")


def test_what_waits_for_its_workers_is_refused_with_a_sentence() -> None:
    task(given=READY, when=PublishPullRequest(task_id="task_1"), refused="rejected")
