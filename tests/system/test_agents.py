"""Agents over the whole way: what they ask, and how much they say."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.client import Client
from tests.system.git_repository import GitRepository
from tests.system.node_process import NodeProcess
from tests.system.people import PROVISIONED_WITHIN, House, turn_is_over
from tests.workflows import scripted_agent

CHUNKS = 30_000
SHOWN = 200
"""A transcript shows its newest entries; those before are read in pages."""

BURST_SECONDS = 90.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A system whose agent `scripted` does what a message says; the agents `dead` and `absent` cannot be had."""
    command = [sys.executable, "-I", "-S", str(Path(scripted_agent.__file__))]
    agents = {"scripted": command, "dead": [*command, "dead"], "absent": ["no-such-program"]}
    folder = tmp_path_factory.mktemp("agents")
    node = NodeProcess(folder / "data", FOUNDRY_AGENTS=json.dumps(agents))
    try:
        node.start()
        yield node
    finally:
        node.end()


async def outcome(house: House, session_id: str) -> object:
    """What the agent was answered, as it says itself."""
    transcript = await house.owner.data(f"transcript/{session_id}")
    said = [one["text"] for one in transcript["entries"] if one["kind"] == "agent_message_chunk"]
    return json.loads("".join(said))


async def notices(house: House, session_id: str) -> list[str]:
    transcript = await house.owner.data(f"transcript/{session_id}")
    return [one["text"] for one in transcript["entries"] if one["kind"] == "notice"]


async def all_said(house: House, session_id: str) -> list[str]:
    """All chunks of a session, read page by page."""
    topic = f"transcript/{session_id}"
    page = await house.owner.data(topic)
    entries = page["entries"]
    while page["entries"][0]["index"] > page["first_index"]:
        page = await house.owner.data(topic, before=page["entries"][0]["index"], limit=SHOWN)
        entries = [*page["entries"], *entries]
    return [one["text"] for one in entries if one["kind"] == "agent_message_chunk"]


@pytest.mark.parametrize(
    ("prompt", "option", "name"),
    [
        ("ask", "yes", "Yes"),
        ("ask", "no", "No"),
        ("ask between 300", "o" * 300, "Yes"),
        ("ask between 0", "", "Yes"),
    ],
    ids=["allows", "rejects", "by a long name", "without a name"],
)
async def test_a_person_is_asked_in_the_transcript_and_answers(
    house: House, prompt: str, option: str, name: str
) -> None:
    created = await house.create_task(prompt, agent="scripted", permissions="ask")
    task_id, session_id = created.ids["task_id"], created.ids["session_id"]
    topic = f"transcript/{session_id}"

    async with house.owner.stream(topic) as stream:
        transcript = await stream.until_data(
            topic, lambda data: any(e["kind"] == "permission_request" for e in data["entries"]), 60
        )
        (asked,) = [e for e in transcript["entries"] if e["kind"] == "permission_request"]
        assert asked["payload"]["title"] == "Delete everything"
        assert option in [one["id"] for one in asked["payload"]["options"]]
        await house.owner.command(
            "agent_session.answer",
            task_id=task_id,
            session_id=session_id,
            request_id=asked["payload"]["request_id"],
            option_id=option,
        )
        await stream.until_data(
            topic, lambda data: any(e["kind"] == "agent_message_chunk" for e in data["entries"]), 20
        )

    assert await outcome(house, session_id) == {"outcome": "selected", "optionId": option}
    assert await notices(house, session_id) == [f"Answered: {name}."]


@pytest.mark.parametrize(("policy", "option"), [("allow", "yes"), ("deny", "no")])
async def test_a_policy_answers_for_the_person(house: House, policy: str, option: str) -> None:
    created = await house.finished_task("ask", agent="scripted", permissions=policy)

    session_id = created.ids["session_id"]
    assert await outcome(house, session_id) == {"outcome": "selected", "optionId": option}
    transcript = await house.owner.data(f"transcript/{session_id}")
    kinds = {entry["kind"] for entry in transcript["entries"]}
    assert "request_permission" in kinds
    assert "permission_request" not in kinds
    refused = ["Delete everything: refused, as this task's permissions say."]
    assert await notices(house, session_id) == (refused if policy == "deny" else [])


async def test_a_burst_in_one_turn_is_streamed_whole_and_written_in_few_commits(
    house: House,
) -> None:
    created = await house.finished_task("echo ready", agent="scripted")
    task_id, session_id = created.ids["task_id"], created.ids["session_id"]
    topic = f"transcript/{session_id}"

    async with house.owner.stream(topic) as stream:
        await stream.until_ready()
        sent = await house.owner.command(
            "agent_session.send", task_id=task_id, session_id=session_id, text=f"burst {CHUNKS}"
        )
        last = f"{CHUNKS - 1} "
        await stream.until_data(
            topic,
            lambda data: bool(data["entries"]) and data["entries"][-1]["text"] == last,
            BURST_SECONDS,
        )
        held = stream.held[topic]

    assert len(held.data["entries"]) == SHOWN
    assert await all_said(house, session_id) == [
        "ready",
        *(f"{number} " for number in range(CHUNKS)),
    ]
    assert held.version - sent.position < CHUNKS / 20


async def test_what_a_script_prints_in_many_small_pieces_is_all_there(house: House) -> None:
    created = await house.finished_task(f"seq 1 {CHUNKS}")

    said = "".join(await all_said(house, created.ids["session_id"]))
    assert said == "".join(f"{number}\n" for number in range(1, CHUNKS + 1))


@pytest.mark.parametrize(("policy", "option"), [("allow", "once"), ("deny", "not now")])
async def test_a_policy_decides_each_time_and_never_for_good(
    house: House, policy: str, option: str
) -> None:
    created = await house.finished_task("ask for good", agent="scripted", permissions=policy)

    assert await outcome(house, created.ids["session_id"]) == {
        "outcome": "selected",
        "optionId": option,
    }


@pytest.mark.parametrize("agent", ["dead", "absent"])
async def test_a_task_whose_agent_cannot_be_had_goes_on_with_another_one(
    house: House, agent: str
) -> None:
    created = await house.create_task("echo first", agent=agent)
    task_id, first = created.ids["task_id"], created.ids["session_id"]
    topic = f"task/{task_id}"
    async with house.owner.stream(topic) as stream:
        await stream.until_data(
            topic, lambda task: task["jobs"][0]["status"] == "failed", PROVISIONED_WITHIN
        )
        other = await house.owner.command("agent_session.create", task_id=task_id, agent="scripted")
        second = other.ids["session_id"]
        await house.owner.command(
            "agent_session.send", task_id=task_id, session_id=second, text="echo second"
        )
        await house.owner.command("agent_session.close", task_id=task_id, session_id=first)

        await house.owner.command("job.retry", job_id=created.ids["job_id"])

        task = await stream.until_data(
            topic,
            lambda task: task["status"] == "idle" and turn_is_over(task),
            PROVISIONED_WITHIN,
        )
    assert {one["id"]: one["status"] for one in task["sessions"]} == {
        first: "closed",
        second: "idle",
    }
    assert all(issue["resolved_at"] for issue in task["issues"])
    assert await all_said(house, second) == ["second"]


async def test_a_conversation_is_taken_up_after_a_restart(
    tmp_path: Path, git_repository: GitRepository
) -> None:
    command = [sys.executable, "-I", "-S", str(Path(scripted_agent.__file__)), "load"]
    node = NodeProcess(tmp_path / "data", FOUNDRY_AGENTS=json.dumps({"keeper": command}))
    try:
        node.start()
        async with Client(node.address, node.token) as client:
            house = await House.build(client, git_repository.url)
            created = await house.finished_task("opened", agent="keeper")
        node.kill()
        node.start()
        async with Client(node.address, node.token) as client:
            session_id = created.ids["session_id"]
            await client.command(
                "agent_session.send",
                task_id=created.ids["task_id"],
                session_id=session_id,
                text="opened",
            )
            topic = f"transcript/{session_id}"
            async with client.stream(topic) as stream:
                transcript = await stream.until_data(
                    topic, lambda data: data["last_index"] >= 4, PROVISIONED_WITHIN
                )
    finally:
        node.end()

    assert [one["text"] for one in transcript["entries"]] == [
        "opened",
        "session/new",
        "opened",
        "session/load",
    ]
