"""An agent asks a person something: both views of its task say that it waits."""

import pytest

from events.commit import Event, tag_of
from events.ids import MessageId, SessionId
from tests import facts
from tests.facts import commit
from tests.projections.world import World, element, provision

WORKSPACE = "workspace/org_1"


@pytest.mark.parametrize(
    "ending",
    [facts.permission_answered(), facts.turn_ended(), facts.session_closed(), facts.task_failed()],
    ids=tag_of,
)
async def test_a_task_says_that_it_waits_for_an_answer_until_it_does_not(
    world: World, ending: Event
) -> None:
    await provision(world)
    seen = []
    for one in (facts.message_delivered(), facts.permission_requested(), ending):
        await world.happen(commit(one))
        task = element(await world.view(WORKSPACE), "tasks", "task_1")
        seen.append((task["status"], task["status_message"]))

    assert seen[:2] == [("running", None), ("running", "Waits for your answer.")]
    assert seen[2][1] != "Waits for your answer."
    assert (await world.view("task/task_1"))["status_message"] == seen[2][1]


async def test_of_two_questions_the_second_still_waits_when_the_first_is_answered(
    world: World,
) -> None:
    await provision(world)
    await world.happen(
        commit(facts.message_delivered()),
        commit(facts.permission_requested()),
        commit(facts.permission_requested(request="p2")),
        commit(facts.permission_answered()),
    )

    task = element(await world.view(WORKSPACE), "tasks", "task_1")
    assert task["status_message"] == "Waits for your answer."


async def test_a_turn_that_ends_takes_its_own_questions_along_and_no_others(world: World) -> None:
    second, task = SessionId("ses_2"), facts.TASK
    await provision(world)
    await world.happen(
        commit(facts.session_created(session=second), facts.session_ready(session=second)),
        commit(facts.message_delivered()),
        commit(facts.message_delivered(task, second, MessageId("msg_2"))),
        commit(facts.permission_requested()),
        commit(facts.permission_requested(task, second, "p2")),
    )
    seen = []
    for one in (
        facts.turn_ended(),
        facts.permission_answered(task, second, "p2"),
        facts.message_delivered(message=MessageId("msg_3")),
    ):
        await world.happen(commit(one))
        seen.append((await world.view("task/task_1"))["status_message"])

    assert seen == ["Waits for your answer.", None, None]
