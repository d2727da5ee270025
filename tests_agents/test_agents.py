"""Turns with agents on the server, and their ends."""

import asyncio
import base64
import json
import sys
from pathlib import Path

import pytest

from events.ids import TaskId
from events.transcript import Entry
from tests.workflows import sdk_agent
from tests.workflows.conversation import Notes
from tests.workflows.remote import REPOSITORY
from tests_agents.sandbox_agent_server import SandboxAgentServer
from tests_agents.talks import Talks, turn
from workflows import remote_pipe, sandbox_agent_process
from workflows.agent_errors import AgentDied
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi

SDK = (sys.executable, str(Path(sdk_agent.__file__)))


async def running(api: SandboxAgentApi) -> list[str]:
    """The processes the server has, that have not ended."""
    listed = (await api.call("GET", "/v1/processes")).json()["processes"]
    return [one["id"] for one in listed if one["status"] == "running"]


async def test_a_turn_gives_what_the_agent_said_before_it_ends(talks: Talks) -> None:
    notes = Notes()

    async with talks.with_agent() as agent:
        assert await turn(agent, "echo hé", notes) == "end_turn"
        assert await turn(agent, "tool", notes) == "end_turn"
        assert await turn(agent, "refuse", notes) == "refusal"

    assert notes.said == [
        ("agent", "agent_message_chunk", "hé"),
        ("tool", "tool_call", None),
        ("tool", "tool_call_update", None),
        ("agent", "plan", None),
    ]


async def test_a_burst_arrives_in_order_and_nothing_is_lost_in_silence(talks: Talks) -> None:
    notes = Notes()

    async with talks.with_agent() as agent:
        await turn(agent, "burst 30000", notes)

    assert [entry.text for entry in notes.entries] == [f"{number} " for number in range(30_000)]


async def test_an_agent_of_whose_words_the_server_threw_some_away_is_ended_and_that_is_said(
    talks: Talks, api: SandboxAgentApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As little room as this stalls the reader, which the server does not wait for.
    monkeypatch.setattr(remote_pipe, "ROOM_BYTES", 1 << 10)
    entries: list[Entry] = []
    may_go_on = asyncio.Event()

    async def take(entry: Entry) -> None:
        entries.append(entry)
        await may_go_on.wait()

    async with talks.with_agent() as agent:
        [process_id] = await running(api)
        turn = asyncio.create_task(agent.prompt("burst 300000", on_entry=take, ask=Notes().ask))
        async with asyncio.timeout(60):
            while b"end_turn" not in await last_words(api, process_id):
                await asyncio.sleep(0.05)
            may_go_on.set()
            with pytest.raises(AgentDied):
                await turn

    assert len(entries) < 300_000
    [said] = [entry.text or "" for entry in entries if entry.kind == "stderr"]
    assert "pieces of the output are lost" in said


async def last_words(api: SandboxAgentApi, process_id: str) -> bytes:
    path = f"/v1/processes/{process_id}/logs"
    answer = await api.call("GET", path, params={"stream": "combined", "tail": 1})
    return b"".join(base64.b64decode(one["data"]) for one in answer.json()["entries"])


async def test_permission_is_asked_for_and_the_answer_handed_back(talks: Talks) -> None:
    notes = Notes(answer="yes")

    async with talks.with_agent() as agent:
        await turn(agent, "ask", notes)

    assert notes.questions == [("Delete everything", ("yes", "no"))]
    assert json.loads(notes.text()) == {"outcome": "selected", "optionId": "yes"}


async def test_a_turn_without_end_can_be_cancelled(talks: Talks) -> None:
    notes = Notes()
    thinking = asyncio.Event()

    async def on_entry(_: object) -> None:
        thinking.set()

    async with talks.with_agent() as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=notes.ask))
        await thinking.wait()
        await agent.cancel()
        async with asyncio.timeout(10):
            assert await running == "cancelled"
        assert await turn(agent, "echo still here", notes) == "end_turn"


async def test_an_agent_that_dies_in_a_turn_ends_the_turn_with_its_exit(talks: Talks) -> None:
    notes = Notes()

    async with talks.with_agent() as agent:
        with pytest.raises(AgentDied):
            await turn(agent, "die 3", notes)
        assert not agent.alive

    assert notes.said[0] == ("agent", "agent_message_chunk", "last words")
    assert notes.said[-1][:2] == ("system", "exit")


async def test_an_agent_that_ends_before_it_answers_is_not_waited_for(
    talks: Talks, server: SandboxAgentServer
) -> None:
    server.give_agent(["/bin/false"])

    with pytest.raises(AgentDied, match="exit code"):
        async with talks.with_agent():
            pass


async def test_a_closed_agent_is_gone_from_the_server_although_its_turn_was_running(
    talks: Talks, api: SandboxAgentApi
) -> None:
    async with talks.with_agent() as agent:
        thinking = asyncio.Event()

        async def on_entry(_: object) -> None:
            thinking.set()

        turn = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=Notes().ask))
        await thinking.wait()
        async with asyncio.timeout(20):
            await agent.close()
            with pytest.raises(AgentDied):
                await turn

    assert await running(api) == []


async def test_what_an_earlier_life_of_the_worker_left_is_ended_before_anything_is_started(
    talks: Talks, api: SandboxAgentApi, far_folder: Path, tmp_path: Path
) -> None:
    left = await talks.launcher.start(talks.sandbox, "mock")
    of_another = SandboxAgentSandboxes(
        api, folder=far_folder.with_name("host 10"), local_root=tmp_path
    )
    other = of_another.allocate(task_id=TaskId("task_2"), repository_id=REPOSITORY)
    Path(other.path).mkdir(parents=True)
    stays = await of_another.start(other, ["sleep", "600"])
    later = SandboxAgentSandboxes(api, folder=far_folder, local_root=tmp_path)

    await later.tidy()

    async with asyncio.timeout(20):
        await left.wait()
    assert stays.exit_code is None
    await stays.stop()


async def test_a_server_that_disappears_ends_the_turn(
    talks: Talks, server: SandboxAgentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_agent_process, "GONE_SECONDS", 1)
    thinking = asyncio.Event()

    async def on_entry(_: object) -> None:
        thinking.set()

    async with talks.with_agent() as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=Notes().ask))
        await thinking.wait()
        server.kill()
        with pytest.raises(AgentDied):
            async with asyncio.timeout(20):
                await running


async def test_an_agent_made_with_the_protocols_own_sdk_understands_us_through_the_server(
    talks: Talks, server: SandboxAgentServer
) -> None:
    server.give_agent(SDK)
    notes = Notes(answer="yes")

    async with talks.with_agent() as agent:
        assert agent.session_id == f"sdk in {talks.sandbox.path}"
        assert await turn(agent, "hello", notes) == "max_tokens"

    assert notes.text() == "helloselected"
