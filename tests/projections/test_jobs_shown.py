"""`job/<id>`, and the jobs that `task/<id>` lists."""

import pytest

from events.ids import JobId, TaskId
from events.job import JobEvent
from projectors.jobs import SHOWN
from tests import facts
from tests.facts import commit
from tests.projections.world import World, begin, element


async def test_a_job_shows_every_stage_with_attempts_and_results(world: World) -> None:
    await begin(world)
    stages = ("name_ensured", "agent_started")
    await world.happen(
        commit(facts.job_opened(stages=stages), at=1),
        commit(facts.job_started(), at=2),
        commit(facts.stage_started(), at=3),
        commit(facts.stage_succeeded(result={"branch": "fix"}), at=4),
        commit(facts.stage_started(stage="agent_started"), at=5),
        commit(facts.stage_failed(stage="agent_started", retry_at=9), at=6),
    )

    shown = {
        "id": "job_1",
        "kind": "task_provision",
        "details": {},
        "status": "retrying",
        "stage": "agent_started",
        "stages": [
            {
                "id": "name_ensured",
                "status": "succeeded",
                "attempt": 1,
                "started_at": 3,
                "ended_at": 4,
                "message": None,
            },
            {
                "id": "agent_started",
                "status": "retrying",
                "attempt": 1,
                "started_at": 5,
                "ended_at": 6,
                "message": "disk full",
            },
        ],
    }
    assert element(await world.view("task/task_1"), "jobs", "job_1") == shown
    assert await world.view("job/job_1") == shown | {
        "target": {"kind": "task", "id": "task_1"},
        "results": {"name_ensured": {"branch": "fix"}},
        # A view's own lists are ordered by id, wherever they come from.
        "stages": sorted(shown["stages"], key=lambda stage: stage["id"]),  # type: ignore[index]
    }


@pytest.mark.parametrize(
    ("event", "status", "stage_status"),
    [
        (facts.job_failed(), "failed", "failed"),
        (facts.job_cancelled(), "cancelled", "cancelled"),
        (facts.job_retry_requested(), "queued", "queued"),
    ],
)
async def test_how_a_job_ends_shows_in_the_stage_it_was_at(
    world: World, event: JobEvent, status: str, stage_status: str
) -> None:
    await begin(world)
    await world.happen(
        commit(facts.job_opened()),
        commit(facts.stage_started()),
        commit(facts.stage_failed()),
        commit(facts.stage_started(attempt=2)),
        commit(event),
    )

    job = await world.view("job/job_1")
    assert job["status"] == status
    assert element(job, "stages", "name_ensured")["status"] == stage_status


async def test_a_job_belongs_to_the_task_that_announced_it_first(world: World) -> None:
    await begin(world)
    other = TaskId("task_2")
    await world.happen(commit(facts.task_created(other), facts.job_announced(facts.OfTask(other))))

    assert (await world.view("job/job_1"))["target"] == {"kind": "task", "id": "task_1"}
    assert (await world.view("task/task_2"))["jobs"] == []


async def test_a_task_lists_its_newest_jobs_only_and_each_has_its_own_topic(world: World) -> None:
    await begin(world)
    for number in range(SHOWN):
        of = facts.OfTask(job=JobId(f"job_x{number}"))
        await world.happen(commit(facts.files_outdated(), facts.job_announced(of)))

    jobs = (await world.view("task/task_1"))["jobs"]
    assert len(jobs) == SHOWN
    assert "job_1" not in [job["id"] for job in jobs]
    assert (await world.view("job/job_1"))["id"] == "job_1"
