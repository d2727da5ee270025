"""Tasks that were put away are shown for a week, and counted nowhere."""

import msgspec

from events.ids import TaskId
from tests import facts
from tests.facts import commit
from tests.projections.world import World, element, provision

WORKSPACE = "workspace/org_1"
WEEK = 7 * 24 * 3_600_000


async def test_archived_tasks_leave_after_seven_days_with_the_next_commit(world: World) -> None:
    await provision(world)
    await world.happen(
        commit(facts.task_created(TaskId("task_2"))),
        commit(facts.task_archived(), at=5000),
        commit(facts.organization_updated(name="A"), at=5000 + WEEK - 1),
    )
    assert len((await world.view(WORKSPACE))["tasks"]) == 2

    [change] = await world.happen(commit(facts.organization_updated(name="B"), at=5000 + WEEK))

    assert [task["id"] for task in (await world.view(WORKSPACE))["tasks"]] == ["task_2"]
    assert {"op": "remove", "entity": "task", "id": "task_1"} in msgspec.json.decode(change.changes)


async def test_tasks_archived_minutes_or_days_apart_leave_each_in_its_turn(world: World) -> None:
    await provision(world)
    minute, day = 60_000, WEEK // 7
    ends = {TaskId("task_1"): 5000, TaskId("task_2"): 5000 + minute, TaskId("task_3"): 5000 + day}
    await world.happen(
        commit(facts.task_created(TaskId("task_2"))), commit(facts.task_created(TaskId("task_3")))
    )
    for task_id, at in ends.items():
        await world.happen(commit(facts.task_archived(task_id), at=at))

    for task_id, at in ends.items():
        await world.happen(commit(facts.organization_updated(name=f"{at}"), at=at + WEEK - 1))
        assert task_id in [task["id"] for task in (await world.view(WORKSPACE))["tasks"]]
        await world.happen(commit(facts.organization_updated(name="now"), at=at + WEEK))
        assert task_id not in [task["id"] for task in (await world.view(WORKSPACE))["tasks"]]


async def test_a_task_that_left_stays_away_whatever_is_reported_of_it(world: World) -> None:
    await provision(world)
    await world.happen(
        commit(facts.task_archived(), at=5000),
        commit(facts.organization_updated(name="B"), at=5000 + WEEK),
        commit(facts.task_killed(), at=6000 + WEEK),
    )

    assert (await world.view(WORKSPACE))["tasks"] == []
    assert (await world.view("task/task_1"))["status"] == "killed"


async def test_repositories_count_their_open_tasks_and_remember_the_last_activity(
    world: World,
) -> None:
    await provision(world)
    await world.happen(
        commit(facts.task_created(TaskId("task_2")), at=2000),
        commit(facts.message_queued(), at=3000),
    )
    repository = element(await world.view(WORKSPACE), "repositories", "repo_1")
    assert (repository["task_count"], repository["latest_activity_at"]) == (2, 3000)

    await world.happen(commit(facts.task_archived(), at=4000), commit(facts.task_killed(), at=4001))

    repository = element(await world.view(WORKSPACE), "repositories", "repo_1")
    assert (repository["task_count"], repository["latest_activity_at"]) == (1, 3000)


async def test_an_archived_task_that_is_killed_is_counted_out_once(world: World) -> None:
    await provision(world)
    await world.happen(
        commit(facts.task_archived(), at=4000),
        commit(facts.task_kill_requested(), at=4001),
        commit(facts.task_killed(), at=4002),
    )

    assert element(await world.view(WORKSPACE), "repositories", "repo_1")["task_count"] == 0
