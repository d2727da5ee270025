"""`task/<id>`."""

import pytest

from events.commit import Event, tag_of
from events.ids import BEGINNING, MessageId
from tests import facts
from tests.facts import commit
from tests.projections.world import World, begin, element


async def test_a_task_answers_as_soon_as_it_is_announced(world: World) -> None:
    await begin(world)

    assert await world.view("task/task_1") == {
        "id": "task_1",
        "organization_id": "org_1",
        "repository_id": "repo_1",
        "title": "Fix login",
        "prompt": "Please fix the login.",
        "status": "queued",
        "status_message": "Waiting for a worker.",
        "branch": None,
        "agent": "shell",
        "permissions": "ask",
        "created_at": 1000,
        "updated_at": 1000,
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
                "queue": [
                    {
                        "id": "msg_1",
                        "text": "Please fix the login.",
                        "attachments": [],
                        "user_id": "usr_anna",
                        "at": 1000,
                    }
                ],
                "permission_requests": [],
                "transcript_version": None,
            }
        ],
        "sandboxes": [],
        "jobs": [
            {
                "id": "job_1",
                "kind": "task_provision",
                "details": {},
                "status": "queued",
                "stage": None,
                "stages": [],
            }
        ],
        "issues": [],
    }
    assert await world.view("files/task_1") == {
        "base": None,
        "tree_id": None,
        "captured_at": None,
        "status": "stale",
        "omitted": 0,
        "tree_omitted": 0,
        "files": [],
        "tree": [],
    }
    assert await world.view("processes/task_1") == {"processes": []}
    assert (await world.view("job/job_1"))["status"] == "queued"
    assert (await world.view("transcript/ses_1"))["entries"] == []


async def test_what_never_was_has_no_topic(world: World) -> None:
    await begin(world)

    for topic in ("task/task_2", "transcript/ses_2", "nonsense/x", "nonsense", "app/usr_x"):
        assert await world.models.snapshot(topic) is None
        assert await world.models.version(topic) is None
        assert await world.models.changes(topic, BEGINNING) is None


async def test_messages_wait_in_order_until_they_are_delivered_or_cancelled(world: World) -> None:
    await begin(world)
    for number in (2, 3):
        await world.happen(commit(facts.message_queued(message=MessageId(f"msg_{number}"))))

    await world.happen(
        commit(facts.message_delivered()),
        commit(facts.message_cancelled(message=MessageId("msg_3"))),
        commit(facts.message_queued(message=MessageId("msg_0"))),
    )

    session = element(await world.view("task/task_1"), "sessions", "ses_1")
    assert [message["id"] for message in session["queue"]] == ["msg_2", "msg_0"]
    assert session["status"] == "running"


@pytest.mark.parametrize(
    "ending", [facts.session_closed(), facts.task_archived(), facts.task_killed()], ids=tag_of
)
async def test_what_waits_in_a_session_that_ends_waits_no_more(world: World, ending: Event) -> None:
    await begin(world)
    await world.happen(
        commit(facts.message_queued(message=MessageId("msg_2"))),
        commit(facts.permission_requested()),
        commit(ending),
    )

    session = element(await world.view("task/task_1"), "sessions", "ses_1")
    assert session["status"] == "closed"
    assert (session["queue"], session["permission_requests"]) == ([], [])


async def test_a_permission_is_asked_for_until_it_is_answered_or_the_turn_ends(
    world: World,
) -> None:
    await begin(world)
    await world.happen(
        commit(facts.permission_requested()),
        commit(facts.permission_requested(request="p2")),
        commit(facts.permission_answered()),
    )
    session = element(await world.view("task/task_1"), "sessions", "ses_1")
    assert [request["id"] for request in session["permission_requests"]] == ["p2"]

    await world.happen(commit(facts.turn_ended(transcript_version=42)))

    session = element(await world.view("task/task_1"), "sessions", "ses_1")
    assert (session["permission_requests"], session["transcript_version"]) == ([], 42)


async def test_names_models_and_branches_can_change(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.task_renamed()),
        commit(facts.task_named()),
        commit(facts.session_renamed()),
        commit(facts.session_model_changed()),
        commit(facts.session_failed()),
        commit(facts.session_stop_requested(), at=8000),
    )

    task = await world.view("task/task_1")
    assert (task["title"], task["branch"], task["updated_at"]) == (
        "Mend login",
        "fix-login",
        8000,
    )
    session = element(task, "sessions", "ses_1")
    assert (session["name"], session["model"], session["status"], session["error"]) == (
        "Tests",
        "large",
        "error",
        "no agent",
    )
    assert len(session["queue"]) == 1


@pytest.mark.parametrize("end", [facts.session_closed(), facts.task_killed()])
async def test_a_session_that_ended_can_still_be_renamed_and_nothing_else(
    world: World, end: Event
) -> None:
    await begin(world)
    await world.happen(commit(end))
    before = await world.view("task/task_1")

    await world.happen(commit(facts.session_renamed(name="What it was about")))

    task = await world.view("task/task_1")
    workspace = await world.view("workspace/org_1")
    assert task["sessions"] == [{**before["sessions"][0], "name": "What it was about"}]
    assert task["sessions"][0]["status"] == "closed"
    for one in workspace["tasks"]:
        assert [session["name"] for session in one["sessions"]] == ["What it was about"]


async def test_a_sandbox_is_allocated_ready_and_released(world: World) -> None:
    await begin(world)
    seen = []
    for event in (facts.sandbox_allocated(), facts.sandbox_ready(), facts.sandbox_released()):
        await world.happen(commit(event))
        sandbox = element(await world.view("task/task_1"), "sandboxes", "sbx_1")
        seen.append(sandbox.pop("status"))
        assert sandbox == {
            "id": "sbx_1",
            "provider": "local",
            "host": "h1",
            "path": "/sandboxes/1",
        }

    assert seen == ["allocated", "ready", "released"]


async def test_an_issue_names_its_retry_and_when_it_was_resolved(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.issue_raised(), at=2000),
        commit(facts.issue_resolved(), at=3000),
        commit(facts.issue_resolved(), at=4000),
    )

    assert element(await world.view("task/task_1"), "issues", "iss_1") == {
        "id": "iss_1",
        "code": "stage_failed",
        "stage": "name_ensured",
        "message": "disk full",
        "at": 2000,
        "resolved_at": 3000,
        "retry_job_id": "job_1",
    }
