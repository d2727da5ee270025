"""`repository/<repository>`: its branches with their tasks, and its jobs."""

import msgspec

from events.ids import JobId, OrganizationId, TaskId
from projectors.jobs import SHOWN
from tests import facts
from tests.facts import commit
from tests.projections.world import World, begin, element, provision

WORKSPACE, REPOSITORY = "workspace/org_1", "repository/repo_1"


async def test_branches_are_as_fresh_as_the_last_sync(world: World) -> None:
    await begin(world)
    of = facts.OfRepository()
    seen = []
    for one in (
        commit(facts.job_opened(of, stages=("sync",)), facts.job_started(of)),
        commit(facts.repository_synced(facts.branch()), at=7000),
        commit(facts.job_succeeded(of)),
        commit(facts.repository_sync_failed()),
    ):
        await world.happen(one)
        repository = element(await world.view(WORKSPACE), "repositories", "repo_1")
        itself = await world.view(REPOSITORY)
        assert repository["branches_status"] == itself["branches_status"]
        seen.append((itself["branches_status"], itself["branches_at"], itself["default_branch"]))

    assert seen == [
        ("running", None, None),
        ("fresh", 7000, "main"),
        ("fresh", 7000, "main"),
        ("error", 7000, "main"),
    ]


async def test_a_job_tells_what_it_is_about_and_nothing_else_it_was_told(world: World) -> None:
    await begin(world)
    act = facts.OfRepository(JobId("job_act"))
    told = {"remote_url": "https://example.com/x", "branch": "fix", "parent": "main"}

    await world.happen(
        commit(facts.job_announced(act, **told)),
        commit(facts.job_opened(act), facts.job_started(act)),
    )

    listed = element(await world.view(REPOSITORY), "jobs", "job_act")
    assert listed["details"] == {"branch": "fix", "parent": "main"}
    assert (await world.view("job/job_act"))["details"] == listed["details"]


async def test_a_job_that_was_not_listed_any_more_comes_back_whole_when_it_is_retried(
    world: World,
) -> None:
    await begin(world)
    sync = facts.OfRepository()
    await world.happen(
        commit(facts.job_opened(sync), facts.job_started(sync), facts.stage_started(sync)),
        commit(facts.job_failed(sync)),
    )
    for number in range(SHOWN):
        later = facts.OfRepository(JobId(f"job_x{number}"))
        await world.happen(commit(facts.job_announced(later)))
    without = (await world.view(REPOSITORY))["jobs"]

    await world.happen(commit(facts.job_retry_requested(sync)))

    jobs = (await world.view(REPOSITORY))["jobs"]
    assert sync.job_id not in [job["id"] for job in without]
    assert len(without) == len(jobs) == SHOWN
    (back,) = [job for job in jobs if job["id"] == sync.job_id]
    assert [stage["id"] for stage in back["stages"]] == list(facts.STAGES)
    assert back["stages"][0]["attempt"] == 1
    assert back["status"] == "queued"


async def test_a_repository_shows_its_branches_with_their_tasks_and_its_jobs(world: World) -> None:
    await provision(world)
    await world.happen(
        commit(facts.repository_synced(facts.branch(), facts.branch("old"))),
        commit(facts.repository_synced(facts.branch(), facts.branch("fix-login", "a2"))),
    )

    repository = await world.view(REPOSITORY)
    assert [branch["id"] for branch in repository["branches"]] == ["fix-login", "main"]
    assert element(repository, "branches", "fix-login") == {
        "id": "fix-login",
        "sha": "a2",
        "task_id": "task_1",
        "ahead": 0,
        "behind": 0,
        "conflicts": False,
        "parent": None,
        "pull_request": None,
    }
    assert [(job["id"], job["kind"]) for job in repository["jobs"]] == [
        ("job_sync", "repository_sync")
    ]

    await world.happen(commit(facts.task_killed()))

    assert element(await world.view(REPOSITORY), "branches", "fix-login")["task_id"] is None


async def test_a_branch_shows_what_it_is_stacked_on_also_when_that_was_told_first(
    world: World,
) -> None:
    await begin(world)
    await world.happen(
        commit(facts.branch_parent_recorded("fix-1", "main")),
        commit(facts.repository_synced(facts.branch("fix-1"), facts.branch("fix-2"))),
        commit(facts.branch_parent_recorded("fix-2", "fix-1")),
    )

    branches = (await world.view(REPOSITORY))["branches"]

    assert {one["id"]: one["parent"] for one in branches} == {"fix-1": "main", "fix-2": "fix-1"}


async def test_a_task_whose_branch_was_renamed_lets_the_old_one_go(world: World) -> None:
    await provision(world)
    await world.happen(
        commit(facts.repository_synced(facts.branch("fix-login"), facts.branch("better"))),
        commit(facts.task_named(branch="better")),
    )

    branches = (await world.view(REPOSITORY))["branches"]

    assert {one["id"]: one["task_id"] for one in branches} == {
        "fix-login": None,
        "better": "task_1",
    }


async def test_a_branch_stays_with_the_task_that_is_at_work_on_it(world: World) -> None:
    second = TaskId("task_2")
    await provision(world)
    await world.happen(
        commit(facts.repository_synced(facts.branch("fix-login"))),
        commit(facts.task_created(second, on_branch="fix-login")),
        commit(facts.task_named(second, branch="fix-login")),
        commit(facts.task_failed(second)),
    )
    assert element(await world.view(REPOSITORY), "branches", "fix-login")["task_id"] == "task_1"

    await world.happen(
        commit(facts.task_archived()),
        commit(facts.task_created(TaskId("task_3"), on_branch="fix-login")),
    )

    assert element(await world.view(REPOSITORY), "branches", "fix-login")["task_id"] == "task_3"

    await world.happen(commit(facts.task_killed()))

    assert element(await world.view(REPOSITORY), "branches", "fix-login")["task_id"] == "task_3"


async def test_a_branch_that_a_task_wanted_and_did_not_get_is_not_its_own(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.repository_synced(facts.branch("main"))),
        commit(facts.task_named(branch="main")),
        commit(facts.task_failed()),
    )
    assert element(await world.view(REPOSITORY), "branches", "main")["task_id"] is None

    await world.happen(commit(facts.sandbox_allocated()), commit(facts.sandbox_ready()))

    assert element(await world.view(REPOSITORY), "branches", "main")["task_id"] == "task_1"


async def test_a_removed_repository_is_gone_and_says_so(world: World) -> None:
    await begin(world)
    await world.happen(commit(facts.repository_synced(facts.branch())))

    told = await world.happen(commit(facts.repository_removed()))

    assert await world.models.snapshot(REPOSITORY) is None
    assert await world.models.version(REPOSITORY) is None
    [last] = [change for change in told if change.topic == REPOSITORY]
    operations = msgspec.json.decode(last.changes)
    assert {operation["op"] for operation in operations} == {"remove"}
    assert {operation["entity"] for operation in operations} == {"branch", "job"}
    assert last.ended
    assert (await world.view(WORKSPACE))["repositories"] == []


async def test_another_organization_cannot_take_over_a_repository(world: World) -> None:
    await begin(world)
    thief = OrganizationId("org_2")

    await world.happen(
        commit(facts.organization_created(thief)),
        commit(facts.repository_added(organization=thief)),
    )

    assert (await world.view(REPOSITORY))["organization_id"] == "org_1"
