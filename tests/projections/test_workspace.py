"""`workspace/<organization>`: its tasks, their sessions and jobs, its repositories and members."""

import msgspec

from events.ids import IssueId, JobId, MessageId, OrganizationId, TaskId
from events.task import TaskEvent
from projectors.jobs import SHOWN
from tests import facts
from tests.facts import commit
from tests.projections.world import World, begin, element, provision

WORKSPACE = "workspace/org_1"


async def test_a_default_that_was_taken_back_is_none(world: World) -> None:
    await world.happen(
        commit(facts.organization_created()),
        commit(facts.organization_updated(default_agent="claude", default_model="large")),
        commit(facts.organization_updated(default_agent="", default_model="")),
    )

    view = await world.view(WORKSPACE)
    assert (view["default_agent"], view["default_model"]) == (None, None)


async def test_a_workspace_shows_its_name_defaults_and_members(world: World) -> None:
    await world.happen(
        commit(facts.organization_created()),
        commit(facts.organization_updated(default_agent="claude", default_model="large")),
        commit(facts.member_added()),
        commit(facts.member_role_set(role="admin")),
    )

    assert await world.view(WORKSPACE) == {
        "id": "org_1",
        "name": "Acme",
        "default_agent": "claude",
        "default_model": "large",
        "members": [
            {"id": "usr_anna", "name": "Anna", "role": "owner"},
            {"id": "usr_bert", "name": "Bert", "role": "admin"},
        ],
        "repositories": [],
        "tasks": [],
        "pull_requests": [],
    }


async def test_a_new_task_is_queued_with_its_session_and_job(world: World) -> None:
    await begin(world)

    assert (await world.view(WORKSPACE))["tasks"] == [
        {
            "id": "task_1",
            "repository_id": "repo_1",
            "title": "Fix login",
            "status": "queued",
            "status_message": "Waiting for a worker.",
            "branch": None,
            "agent": "shell",
            "pull_request": None,
            "sessions": [
                {
                    "id": "ses_1",
                    "name": "Session 1",
                    "agent": "shell",
                    "model": None,
                    "status": "pending_provision",
                    "thinking_since_at": None,
                    "error": None,
                }
            ],
            "job": {"id": "job_1", "kind": "task_provision", "stage": None, "status": "queued"},
            "issue_count": 0,
            "diff": {"files": 0, "added": 0, "removed": 0},
            "created_at": 1000,
            "updated_at": 1000,
        }
    ]


async def test_sessions_go_from_pending_to_thinking_and_back(world: World) -> None:
    await begin(world)
    seen = []
    turns: tuple[TaskEvent, ...] = (
        facts.sandbox_ready(),
        facts.session_ready(),
        facts.message_delivered(),
        facts.turn_ended(stop_reason="interrupted"),
        facts.message_delivered(),
        facts.turn_ended(stop_reason="error", error="It crashed."),
        facts.session_closed(),
    )
    for at, event in enumerate(turns, 2000):
        await world.happen(commit(event, at=at))
        [session] = element(await world.view(WORKSPACE), "tasks", "task_1")["sessions"]
        seen.append((session["status"], session["thinking_since_at"], session["error"]))

    assert seen == [
        ("pending_session_create", None, None),
        ("ready", None, None),
        ("running", 2002, None),
        ("idle", None, None),
        ("running", 2004, None),
        ("error", None, "It crashed."),
        ("closed", None, "It crashed."),
    ]


async def test_a_message_to_a_session_without_an_agent_shows_that_it_is_opened_again(
    world: World,
) -> None:
    await provision(world)
    seen = []
    turns: tuple[TaskEvent, ...] = (
        facts.session_failed(),
        facts.session_renamed(),
        facts.message_queued(message=MessageId("msg_2")),
        facts.session_ready(),
        facts.message_delivered(),
        facts.turn_ended(stop_reason="error", error="It crashed."),
        facts.message_queued(message=MessageId("msg_3")),
    )
    for event in turns:
        await world.happen(commit(event))
        task = element(await world.view(WORKSPACE), "tasks", "task_1")
        [session] = task["sessions"]
        seen.append((task["status"], session["status"], session["error"]))

    assert seen == [
        ("idle", "error", "no agent"),
        ("idle", "error", "no agent"),
        ("running", "pending_session_create", None),
        ("running", "ready", None),
        ("running", "running", None),
        # The agent is there: what is queued next is handed over without further ado.
        ("idle", "error", "It crashed."),
        ("idle", "error", "It crashed."),
    ]


async def test_issues_and_the_diff_are_counted(world: World) -> None:
    await provision(world)
    files = (facts.changed_file("a", 3, 1), facts.changed_file("b", 4, 0))
    await world.happen(
        commit(facts.issue_raised()),
        commit(facts.issue_raised(issue=IssueId("iss_2"))),
        commit(facts.issue_resolved()),
        commit(facts.files_captured(files=files)),
    )

    task = element(await world.view(WORKSPACE), "tasks", "task_1")
    assert task["issue_count"] == 1
    assert task["diff"] == {"files": 2, "added": 7, "removed": 1}


async def test_the_job_shown_is_the_newest_open_one_or_else_the_newest(world: World) -> None:
    await provision(world)
    first, second = (
        facts.OfTask(job=JobId(f"job_{number}"), kind="files_capture") for number in (2, 3)
    )

    seen = []
    for event in (
        facts.job_announced(first),
        facts.job_announced(second),
        facts.job_succeeded(second),
        facts.job_succeeded(first),
    ):
        await world.happen(commit(facts.issue_resolved(), event))
        job = element(await world.view(WORKSPACE), "tasks", "task_1")["job"]
        seen.append((job["id"], job["status"]))

    assert seen == [
        ("job_2", "queued"),
        ("job_3", "queued"),
        ("job_2", "queued"),
        ("job_3", "succeeded"),
    ]


async def test_a_retried_job_shows_the_stage_it_stopped_at_though_another_was_newest(
    world: World,
) -> None:
    await provision(world)
    push, capture = (
        facts.OfTask(job=JobId(f"job_{kind}"), kind=kind) for kind in ("task_push", "files_capture")
    )
    await world.happen(
        commit(facts.job_announced(push), facts.job_failed(push, stage="pushed")),
        commit(facts.job_announced(capture), facts.job_succeeded(capture)),
    )

    seen = []
    for event in (facts.job_retry_requested(push), facts.job_failed(push, stage="pushed")):
        await world.happen(commit(event))
        seen.append(element(await world.view(WORKSPACE), "tasks", "task_1")["job"])

    retried = {"id": "job_task_push", "kind": "task_push", "stage": "pushed"}
    assert seen == [{**retried, "status": "queued"}, {**retried, "status": "failed"}]


async def test_a_job_that_waits_is_shown_however_many_failed_since(world: World) -> None:
    await provision(world)
    waiting = facts.OfTask(job=JobId("job_waiting"), kind="task_push")
    await world.happen(commit(facts.job_announced(waiting)))
    for number in range(SHOWN + 1):
        job = facts.OfTask(job=JobId(f"job_{number}"), kind="task_merge")
        await world.happen(commit(facts.job_announced(job), facts.job_failed(job)))

    shown = element(await world.view(WORKSPACE), "tasks", "task_1")["job"]

    assert (shown["id"], shown["status"]) == ("job_waiting", "queued")


async def test_one_commit_makes_one_change_per_topic_naming_its_cause(world: World) -> None:
    await begin(world)

    told = await world.happen(commit(facts.task_renamed(), at=9000, command_id="c-1"))

    assert {change.topic for change in told} == {WORKSPACE, "task/task_1"}
    for change in told:
        assert (change.base, change.version) == (3, 4)
        assert msgspec.json.decode(change.cause) == {
            "kind": "event",
            "event": "task_renamed",
            "position": 4,
            "actor": "usr_anna",
            "at": 9000,
            "command_id": "c-1",
        }


async def test_a_commit_that_changes_nothing_of_a_topic_tells_nothing(world: World) -> None:
    await begin(world)

    told = await world.happen(commit(facts.tree_changed(put=("a",)), actor=facts.WORKER))

    assert [change.topic for change in told] == ["files/task_1"]
    assert await world.models.version(WORKSPACE) == 3


async def test_tasks_are_listed_in_pages_and_found_by_status_and_words(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.task_created(TaskId("task_2"), title="Write DOCS")),
        commit(facts.task_created(TaskId("task_3"), title="Docs again", on_branch="dev")),
        commit(facts.task_killed(TaskId("task_3"))),
    )

    async def ids(**question: object) -> list[str]:
        organization = OrganizationId("org_1")
        found = await world.models.ask.tasks(organization, **question)  # type: ignore[arg-type]
        return [msgspec.json.decode(task)["id"] for task in found]

    assert await ids() == ["task_1", "task_2", "task_3"]
    assert await ids(after="task_1", limit=1) == ["task_2"]
    assert await ids(q="docs") == ["task_2", "task_3"]
    assert await ids(q="DEV") == ["task_3"]
    assert await ids(q="docs", status="queued") == ["task_2"]
