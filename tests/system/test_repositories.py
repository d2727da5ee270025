"""Repositories: looked at in the background, refreshed once at a time, let go when nothing needs them."""

from pathlib import Path

from tests.system.client import Accepted
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISIONED_WITHIN, House


async def test_the_branches_of_a_new_repository_appear(
    house: House, git_repository: GitRepository
) -> None:
    topic = f"repository/{house.repository_id}"

    async with house.owner.stream(topic, house.workspace) as stream:
        data = await stream.until_data(topic, lambda data: data["branches"], PROVISIONED_WITHIN)
        await house.owner.agrees_with(stream)

    (branch,) = data["branches"]
    assert (branch["id"], branch["sha"]) == ("main", git_repository.git("rev-parse", "main"))


async def test_a_refresh_sees_what_was_pushed(house: House, git_repository: GitRepository) -> None:
    topic = f"repository/{house.repository_id}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda data: data["branches"], PROVISIONED_WITHIN)
        git_repository.git("branch", "pushed")
        git_repository.git("checkout", "--quiet", "-b", "gone")
        git_repository.git("checkout", "--quiet", "main")
        git_repository.git("branch", "-D", "gone")

        await house.owner.command("repository.refresh", repository_id=house.repository_id)

        data = await stream.until_data(
            topic, lambda data: len(data["branches"]) == 2, PROVISIONED_WITHIN
        )
    assert [branch["id"] for branch in data["branches"]] == ["main", "pushed"]


async def test_a_second_refresh_is_the_one_that_runs(house: House, tmp_path: Path) -> None:
    added = await _added_in_vain(house, tmp_path)
    repository_id = added.ids["repository_id"]

    one = await house.owner.command("repository.refresh", repository_id=repository_id)
    two = await house.owner.command("repository.refresh", repository_id=repository_id)

    assert one.ids["job_id"] == two.ids["job_id"] == added.ids["job_id"]
    assert two.events == []


async def test_of_the_looks_at_one_remote_only_the_newest_is_taken_up_again(
    house: House, tmp_path: Path
) -> None:
    added = await _added_in_vain(house, tmp_path)
    its = {"repository_id": added.ids["repository_id"]}
    first = added.ids["job_id"]
    await _cancelled(house, first)
    second = (await house.owner.command("repository.refresh", **its)).ids["job_id"]
    assert second != first

    refused = await house.owner.refused("job.retry", job_id=first)
    await _cancelled(house, second)
    await house.owner.command("job.retry", job_id=second)
    again = await house.owner.command("repository.refresh", **its)

    assert (refused["status"], refused["code"]) == (422, "job_superseded")
    assert second in refused["detail"]
    assert (again.events, again.ids["job_id"]) == ([], second)


async def test_the_work_for_a_repository_that_was_removed_is_not_taken_up_again(
    house: House, tmp_path: Path
) -> None:
    added = await _added_in_vain(house, tmp_path)
    job_id = added.ids["job_id"]
    await _cancelled(house, job_id)
    await house.owner.command("repository.remove", repository_id=added.ids["repository_id"])

    refused = await house.owner.refused("job.retry", job_id=job_id)

    assert (refused["status"], refused["code"]) == (422, "rejected")


async def _added_in_vain(house: House, folder: Path) -> Accepted:
    """A repository whose remote is not there."""
    return await house.owner.command(
        "repository.add",
        organization_id=house.organization_id,
        remote_url=str(folder / "nothing"),
    )


async def _cancelled(house: House, job_id: str) -> None:
    await house.owner.command("job.cancel", job_id=job_id)
    topic = f"job/{job_id}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(topic, lambda job: job["status"] == "cancelled")


async def test_a_repository_without_tasks_is_removed(house: House) -> None:
    topic = f"repository/{house.repository_id}"
    async with house.owner.stream(house.workspace, topic) as stream:
        await stream.until_data(topic, lambda data: data["branches"], PROVISIONED_WITHIN)
        removed = await house.owner.command("repository.remove", repository_id=house.repository_id)
        await stream.until_data(house.workspace, lambda data: not data["repositories"])
        if not stream.named("gone"):
            await stream.until_named("gone")
        await house.owner.agrees_with(stream)

    last = stream.about(topic)[-1].data
    assert (last["version"], last["cause"]["command_id"]) == (removed.position, removed.command_id)
    assert [one.data for one in stream.named("gone")] == [{"topic": topic}]

    refused = await house.owner.submit(
        "task.create", repository_id=house.repository_id, prompt="true"
    )
    assert refused.status_code in (404, 422)


async def test_what_needs_a_provider_is_refused_with_a_sentence(house: House) -> None:
    created = await house.create_task()

    refusals = [
        await house.owner.refused("organization.sync", organization_id=house.organization_id),
        await house.owner.refused("task.publish_pull_request", task_id=created.ids["task_id"]),
    ]

    assert [(one["status"], one["code"]) for one in refusals] == [(422, "rejected")] * 2
