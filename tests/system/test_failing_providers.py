"""A provider of sandboxes, or an agent, that hangs, that fails twice and then works, or that fails for good: what a person sees."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.people import PROVISION_STAGES, PROVISIONED_WITHIN, House
from tests.system.stuck import Stuck

STAGE_SECONDS = 8
ATTEMPTS = 3
FAILED_WITHIN = PROVISIONED_WITHIN + ATTEMPTS * STAGE_SECONDS
WHERE = pytest.mark.parametrize(
    ("word", "stage"), [("worktree", "repository_prepared"), ("agent", "agent_started")]
)


@pytest.fixture
async def house(
    start_node: StartNode, stuck: Stuck, enter: Enter, git_repository: GitRepository
) -> House:
    node = start_node(**stuck.settings, FOUNDRY_STAGE_SECONDS=str(STAGE_SECONDS))
    return await House.build(await enter(node.address, node.token), git_repository.url)


@WHERE
async def test_what_fails_twice_works_at_the_third_attempt_and_leaves_no_issue(
    house: House, stuck: Stuck, word: str, stage: str
) -> None:
    stuck.fail(word, 2)
    created = await house.create_task("echo done", agent=stuck.agent)
    seen = Attempts(stage)

    task = await until(
        house,
        created.ids["task_id"],
        lambda task: task["status"] == "idle" and task["jobs"][0]["status"] == "succeeded",
        seen,
    )

    stages = {one["id"]: one for one in task["jobs"][0]["stages"]}
    assert list(stages) == list(PROVISION_STAGES)
    assert {name: one["attempt"] for name, one in stages.items()} == {
        name: 3 if name == stage else 1 for name in PROVISION_STAGES
    }
    assert all(one["status"] == "succeeded" for one in stages.values())
    assert seen.numbers == [1, 2, 3][-len(seen.numbers) :]
    assert (task["jobs"][0]["status"], task["issues"]) == ("succeeded", [])


@WHERE
async def test_what_fails_for_good_is_an_issue_that_a_retry_settles(
    house: House, stuck: Stuck, word: str, stage: str
) -> None:
    stuck.fail(word, ATTEMPTS)
    created = await house.create_task("echo done", agent=stuck.agent)
    task_id, job_id = created.ids["task_id"], created.ids["job_id"]

    failed = await until(house, task_id, lambda task: task["jobs"][0]["status"] == "failed")
    other = await house.finished_task("echo beside it", agent=stuck.agent)
    await house.owner.command("job.retry", job_id=failed["issues"][0]["retry_job_id"])
    mended = await until(house, task_id, lambda task: task["status"] == "idle")

    assert (failed["status"], status_of(failed, stage)) == ("error", ("failed", ATTEMPTS))
    [issue] = failed["issues"]
    assert (issue["stage"], issue["retry_job_id"]) == (stage, job_id)
    assert "no licence" in issue["message"]
    assert other.ids["task_id"] != task_id
    assert status_of(mended, stage) == ("succeeded", ATTEMPTS + 1)
    assert mended["issues"][0]["resolved_at"]


async def test_what_hangs_is_answered_for_at_once_ended_each_time_and_told_at_last(
    house: House, stuck: Stuck
) -> None:
    stuck.stick("worktree", ATTEMPTS)
    stage = "repository_prepared"

    created = await house.create_task("echo done", agent=stuck.agent)
    await stuck.is_stuck()
    task_id = created.ids["task_id"]
    # The command was answered, its job hangs, and everything else is as quick as ever.
    meanwhile = await until(house, task_id, lambda task: status_of(task, stage)[0] == "running")
    failed = await until(
        house, task_id, lambda task: task["jobs"][0]["status"] == "failed", within=FAILED_WITHIN
    )
    await house.owner.command("job.retry", job_id=created.ids["job_id"])
    mended = await until(house, task_id, lambda task: task["status"] == "idle")

    assert created.events[0] == "task_created"
    assert (meanwhile["status"], meanwhile["issues"]) == ("provisioning", [])
    [issue] = failed["issues"]
    assert (issue["code"], issue["stage"]) == ("stage_timeout", stage)
    assert f"within {STAGE_SECONDS} seconds" in issue["message"]
    assert status_of(failed, stage) == ("failed", ATTEMPTS)
    assert mended["issues"][0]["resolved_at"]


@pytest.mark.parametrize("times", [1, ATTEMPTS])
async def test_an_agent_that_cannot_be_started_again_costs_no_message(
    start_node: StartNode, stuck: Stuck, enter: Enter, git_repository: GitRepository, times: int
) -> None:
    node = start_node(**stuck.settings, FOUNDRY_MAX_AGENTS="1")
    house = await House.build(await enter(node.address, node.token), git_repository.url)
    created = await house.finished_task("echo first", agent=stuck.agent)
    ids = {name: created.ids[name] for name in ("task_id", "session_id")}
    # Whose agent takes the only place, so that the next message has to start another.
    await house.finished_task("true")
    stuck.fail("agent", times)

    await house.owner.command("agent_session.send", **ids, text="echo second")
    if times == ATTEMPTS:
        failed = await until(house, ids["task_id"], lambda task: session_of(task)["error"])
        assert session_of(failed)["status"] == "error"
        assert len(session_of(failed)["queue"]) == 1
        assert "no licence" in session_of(failed)["error"]
    sent = await house.owner.command("agent_session.send", **ids, text="echo third")
    await house.owner.data(f"task/{ids['task_id']}", at_least=sent.position)
    mended = await until(
        house,
        ids["task_id"],
        lambda task: session_of(task)["status"] == "idle" and not session_of(task)["queue"],
    )

    said = (await house.owner.data(f"transcript/{ids['session_id']}"))["entries"]
    assert [one["text"] for one in said if one["kind"] == "agent_message_chunk"] == [
        "first",
        "second",
        "third",
    ]
    assert session_of(mended)["error"] is None


def session_of(task: Any) -> Any:
    (session,) = task["sessions"]
    return session


class Attempts:
    """The attempts of a stage, as they were seen one after the other."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.numbers: list[int] = []

    def look(self, task: Any) -> None:
        _, attempt = status_of(task, self._stage)
        if attempt and self.numbers[-1:] != [attempt]:
            self.numbers.append(attempt)


def status_of(task: Any, stage: str) -> tuple[str, int]:
    stages = {one["id"]: one for job in task["jobs"] for one in job["stages"]}
    return (stages[stage]["status"], stages[stage]["attempt"]) if stage in stages else ("", 0)


async def until(
    house: House,
    task_id: str,
    wanted: Callable[[Any], bool],
    seen: Attempts | None = None,
    *,
    within: float = PROVISIONED_WITHIN,
) -> Any:
    topic = f"task/{task_id}"

    def look(task: Any) -> bool:
        if seen is not None:
            seen.look(task)
        return wanted(task)

    async with house.owner.stream(topic) as stream:
        return await stream.until_data(topic, look, within)
