"""What the status of a listed task says, and the stage or the error that it says with it."""

import pytest

from events.ids import JobId, MessageId
from events.task import TaskEvent
from tests import facts
from tests.facts import commit
from tests.projections.world import World, begin, element, provision

WORKSPACE = "workspace/org_1"


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "running"),
        ([facts.message_delivered()], "running"),
        ([facts.message_delivered(), facts.turn_ended()], "idle"),
        ([facts.message_delivered(), facts.turn_ended(stop_reason="error")], "idle"),
        ([facts.message_cancelled()], "idle"),
        ([facts.session_closed()], "idle"),
        ([facts.session_failed()], "idle"),
        (
            [
                facts.message_delivered(),
                facts.message_queued(message=MessageId("msg_2")),
                facts.turn_ended(),
            ],
            "running",
        ),
        ([facts.task_failed()], "error"),
        ([facts.task_archive_requested()], "archiving"),
        ([facts.task_archive_requested(), facts.task_archived()], "archived"),
        ([facts.task_archived(), facts.task_kill_requested()], "killing"),
        ([facts.task_kill_requested(), facts.task_killed()], "killed"),
        ([facts.task_failed(), facts.task_kill_requested()], "killing"),
    ],
)
async def test_the_status_of_a_provisioned_task_follows_its_events(
    world: World, events: list[TaskEvent], status: str
) -> None:
    await provision(world)
    await world.happen(*(commit(event) for event in events))

    assert element(await world.view(WORKSPACE), "tasks", "task_1")["status"] == status
    assert (await world.view("task/task_1"))["status"] == status


async def test_provisioning_says_at_which_stage_it_is_and_errors_say_why(world: World) -> None:
    await begin(world)
    seen = []
    for one in (
        commit(facts.job_opened(), facts.job_started()),
        commit(facts.stage_started(stage="repository_prepared")),
        commit(facts.task_failed(message="No such branch.")),
        commit(facts.job_retry_requested()),
        commit(facts.stage_started(stage="repository_prepared", attempt=2)),
        commit(facts.job_failed(stage="repository_prepared", message="No such remote.")),
    ):
        await world.happen(one)
        task = element(await world.view(WORKSPACE), "tasks", "task_1")
        seen.append((task["status"], task["status_message"]))
        itself = await world.view("task/task_1")
        assert (itself["status"], itself["status_message"]) == seen[-1]

    assert seen == [
        ("provisioning", "Preparing the sandbox."),
        ("provisioning", "Checking out the repository."),
        ("error", "No such branch."),
        ("provisioning", "Checking out the repository."),
        ("provisioning", "Checking out the repository."),
        ("error", "No such remote."),
    ]


async def test_a_cancelled_provisioning_is_an_error_that_a_retry_mends(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.job_cancel_requested(), actor=facts.ANNA), commit(facts.job_cancelled())
    )
    assert element(await world.view(WORKSPACE), "tasks", "task_1")["status"] == "error"

    await world.happen(commit(facts.job_retry_requested()))

    assert element(await world.view(WORKSPACE), "tasks", "task_1")["status"] == "queued"


@pytest.mark.parametrize(
    ("kind", "asked", "status", "doing", "cancelled"),
    [
        (
            "task_archive",
            facts.task_archive_requested(),
            "archiving",
            "Putting the sandbox away.",
            "Putting the sandbox away was cancelled; retry the job, or archive the task again.",
        ),
        (
            "task_kill",
            facts.task_kill_requested(),
            "killing",
            "Destroying the sandbox.",
            "Destroying the sandbox was cancelled; retry the job, or kill the task again.",
        ),
    ],
)
async def test_a_task_whose_ending_has_stopped_says_so_until_that_goes_on(
    world: World, kind: str, asked: TaskEvent, status: str, doing: str, cancelled: str
) -> None:
    await provision(world)
    first = facts.OfTask(job=JobId("job_2"), kind=kind)
    again = facts.OfTask(job=JobId("job_3"), kind=kind)
    seen = []
    for one in (
        commit(asked, facts.job_announced(first)),
        commit(facts.job_failed(first, message="Git refuses.")),
        commit(facts.job_retry_requested(first)),
        commit(facts.job_cancelled(first)),
        commit(facts.job_announced(again)),
    ):
        await world.happen(one)
        task = element(await world.view(WORKSPACE), "tasks", "task_1")
        assert task["status"] == status
        seen.append(task["status_message"])

    assert seen == [doing, "Git refuses.", doing, cancelled, doing]


async def test_an_archive_that_gives_way_to_a_kill_says_nothing_of_it(world: World) -> None:
    await provision(world)
    archive = facts.OfTask(job=JobId("job_2"), kind="task_archive")
    await world.happen(
        commit(facts.task_archive_requested(), facts.job_announced(archive)),
        commit(facts.task_kill_requested()),
        commit(facts.job_cancelled(archive)),
    )

    task = element(await world.view(WORKSPACE), "tasks", "task_1")
    assert (task["status"], task["status_message"]) == ("killing", "Destroying the sandbox.")
