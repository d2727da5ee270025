"""The log of a node: one click can be followed through it, and no secret can be read in it."""

import json
import re
from typing import Any

from tests.system.conftest import Enter, StartNode
from tests.system.git_repository import GitRepository
from tests.system.node_process import ROOT
from tests.system.people import House

OPERATIONS = (ROOT / "docs/operations.md").read_text()


async def test_one_click_is_followed_from_the_request_to_the_worker(
    start_node: StartNode, enter: Enter, git_repository: GitRepository
) -> None:
    node = start_node()
    house = await House.build(await enter(node.address, node.token), git_repository.url)

    answer = await house.owner.http.post(
        "/v1/commands/task.create",
        json={"repository_id": house.repository_id, "prompt": "echo a-secret-thought"},
        headers={"X-Request-Id": "click-1"},
    )
    ids = answer.json()["ids"]
    await house.owner.command(
        "agent_session.send",
        task_id=ids["task_id"],
        session_id=ids["session_id"],
        text="echo another-secret-thought",
    )
    person = await house.owner.command("token.create")
    node.stop()

    assert answer.headers["x-request-id"] == "click-1"
    text = node.log.read_text()
    lines: list[Any] = [json.loads(line) for line in text.split("\n") if line]
    click = [line for line in lines if line.get("correlation_id") == "click-1"]
    assert {"commands.handler", "runtime.requests"} <= {line["logger"] for line in click}
    assert any(line["logger"].startswith("workflows.") for line in click)
    by_click, by_command = re.findall(r"^grep '(.+?)' \*\.log", OPERATIONS, re.M)
    assert text.count(by_click) == len(click)
    assert by_command.replace("44d58400-…", answer.json()["command_id"]) in text
    for secret in (node.token, person.secret, node.login_code, "secret-thought"):
        assert secret
        assert secret not in text
