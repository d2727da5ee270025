"""A sandbox-agent server that stands still or is gone while a task is made: what a person sees over HTTP."""

from typing import Any

import pytest

from tests.system.people import House
from tests_agents.sandbox_agent_server import SandboxAgentServer

WITHIN = 90.0


@pytest.fixture
def node_settings() -> dict[str, str]:
    return {"FOUNDRY_STAGE_SECONDS": "8"}


async def test_a_server_that_stands_still_ends_the_stage_by_its_deadline_and_a_retry_works(
    house: House, server: SandboxAgentServer
) -> None:
    server.pause()

    created = await house.create_task("echo hello", agent="mock", sandbox="sandbox-agent")
    failed = await issue_of(house, created.ids["task_id"])
    server.resume()
    await house.owner.command("job.retry", job_id=created.ids["job_id"])
    mended = await idle(house, created.ids["task_id"])

    [issue] = failed["issues"]
    assert (issue["stage"], issue["code"]) == ("repository_prepared", "stage_timeout")
    assert attempts(failed)["repository_prepared"] == ("failed", 3)
    assert mended["issues"][0]["resolved_at"]


async def test_a_server_that_is_gone_is_an_issue_that_a_retry_settles_once_it_is_back(
    house: House, server: SandboxAgentServer
) -> None:
    server.kill()

    created = await house.create_task("echo hello", agent="mock", sandbox="sandbox-agent")
    failed = await issue_of(house, created.ids["task_id"])
    server.start()
    await house.owner.command("job.retry", job_id=created.ids["job_id"])
    mended = await idle(house, created.ids["task_id"])

    [issue] = failed["issues"]
    assert (issue["stage"], issue["code"]) == ("repository_prepared", "sandbox_agent_unavailable")
    assert "cannot be reached" in issue["message"]
    assert failed["status"] == "error"
    assert attempts(failed)["repository_prepared"] == ("failed", 3)
    assert mended["issues"][0]["resolved_at"]


def attempts(task: Any) -> dict[str, tuple[str, int]]:
    return {one["id"]: (one["status"], one["attempt"]) for one in task["jobs"][0]["stages"]}


async def issue_of(house: House, task_id: str) -> Any:
    topic = f"task/{task_id}"
    async with house.owner.stream(topic) as stream:
        return await stream.until_data(
            topic, lambda task: task["jobs"][0]["status"] == "failed", WITHIN
        )


async def idle(house: House, task_id: str) -> Any:
    topic = f"task/{task_id}"
    async with house.owner.stream(topic) as stream:
        return await stream.until_data(topic, lambda task: task["status"] == "idle", WITHIN)
