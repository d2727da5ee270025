import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from events.ids import Timestamp
from events.transcript import Entry
from tests.workflows import sdk_agent
from tests.workflows.conversation import Notes
from tests_agents.sandbox_agent_server import SandboxAgentServer
from workflows import remote_pipe
from workflows.acp_agent import AgentDied, AgentProcess
from workflows.sandbox_agent_acp import SandboxAgentAcp
from workflows.sandbox_agent_api import SandboxAgentApi

SDK = (sys.executable, str(Path(sdk_agent.__file__)))


@asynccontextmanager
async def talking(
    api: SandboxAgentApi, folder: Path, key: str = "ses_1"
) -> AsyncIterator[AgentProcess]:
    running = await SandboxAgentAcp.start(api, agent="mock", key=key)
    agent = await AgentProcess.start(running, cwd=folder, now=lambda: Timestamp(1))
    try:
        yield agent
    finally:
        await agent.close()


async def turn(agent: AgentProcess, text: str, notes: Notes) -> str:
    async with asyncio.timeout(60):
        return await agent.prompt(text, on_entry=notes.on_entry, ask=notes.ask)


async def names(api: SandboxAgentApi) -> Sequence[str]:
    servers = (await api.call("GET", "/v1/acp")).json()["servers"]
    return [one["serverId"] for one in servers]


async def test_a_turn_gives_what_the_agent_said_before_it_ends(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(api, tmp_path) as agent:
        assert await turn(agent, "echo hé", notes) == "end_turn"
        assert await turn(agent, "tool", notes) == "end_turn"
        assert await turn(agent, "refuse", notes) == "refusal"

    assert notes.said == [
        ("agent", "agent_message_chunk", "hé"),
        ("tool", "tool_call", None),
        ("tool", "tool_call_update", None),
        ("agent", "plan", None),
    ]


async def test_a_burst_arrives_in_order_and_nothing_is_lost_in_silence(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(api, tmp_path) as agent:
        await turn(agent, "burst 30000", notes)

    expected = 0
    for entry in notes.entries:
        if entry.kind == "truncated":
            # On a busy machine the server itself cannot keep up with its agent.
            assert isinstance(entry.payload, dict)
            expected += entry.payload["missing"]
        else:
            assert entry.text == f"{expected} "
            expected += 1
    assert expected == 30_000


async def test_what_the_server_threw_away_is_said_and_the_turn_still_ends(
    api: SandboxAgentApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As little room as this stalls the reader of events, which the server does not wait for.
    monkeypatch.setattr(remote_pipe, "ROOM_BYTES", 1 << 10)
    entries: list[Entry] = []
    may_go_on = asyncio.Event()

    async def take(entry: Entry) -> None:
        entries.append(entry)
        await may_go_on.wait()

    async with talking(api, tmp_path) as agent:
        running = asyncio.create_task(agent.prompt("burst 100000", on_entry=take, ask=Notes().ask))
        async with asyncio.timeout(60):
            await asyncio.wait([running], timeout=4)
            may_go_on.set()
            assert await running == "end_turn"

    missing = [entry.payload for entry in entries if entry.kind == "truncated"]
    assert missing
    chunks = [entry for entry in entries if entry.kind == "agent_message_chunk"]
    assert len(chunks) < 100_000


async def test_permission_is_asked_for_and_the_answer_handed_back(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    notes = Notes(answer="yes")

    async with talking(api, tmp_path) as agent:
        await turn(agent, "ask", notes)

    assert notes.questions == [("Delete everything", ("yes", "no"))]
    assert json.loads(notes.text()) == {"outcome": "selected", "optionId": "yes"}


async def test_a_turn_without_end_can_be_cancelled(api: SandboxAgentApi, tmp_path: Path) -> None:
    notes = Notes()
    thinking = asyncio.Event()

    async def on_entry(_: object) -> None:
        thinking.set()

    async with talking(api, tmp_path) as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=notes.ask))
        await thinking.wait()
        await agent.cancel()
        async with asyncio.timeout(10):
            assert await running == "cancelled"
        assert await turn(agent, "echo still here", notes) == "end_turn"


async def test_an_agent_that_dies_in_a_turn_ends_the_turn_with_its_exit(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(api, tmp_path) as agent:
        with pytest.raises(AgentDied):
            await turn(agent, "die 3", notes)
        assert not agent.alive

    assert notes.said[0] == ("agent", "agent_message_chunk", "last words")
    assert notes.said[-1][:2] == ("system", "exit")


async def test_an_agent_that_ends_before_it_answers_is_not_waited_for(
    api: SandboxAgentApi, server: SandboxAgentServer, tmp_path: Path
) -> None:
    server.give_agent(["/bin/false"])

    with pytest.raises(AgentDied, match="exit code"):
        async with talking(api, tmp_path):
            pass


async def test_an_agent_that_cannot_be_started_says_why(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    running = await SandboxAgentAcp.start(api, agent="no-such-agent", key="ses_1")

    with pytest.raises(AgentDied, match="unsupported agent: no-such-agent"):
        await AgentProcess.start(running, cwd=tmp_path, now=lambda: Timestamp(1))


async def test_a_closed_agent_is_gone_from_the_server_although_its_turn_was_running(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    async with talking(api, tmp_path) as agent:
        thinking = asyncio.Event()

        async def on_entry(_: object) -> None:
            thinking.set()

        running = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=Notes().ask))
        await thinking.wait()
        async with asyncio.timeout(10):
            await agent.close()
        assert await running == "cancelled"

    assert await names(api) == []


async def test_an_agent_left_by_an_earlier_worker_makes_room_for_its_successor(
    api: SandboxAgentApi, tmp_path: Path
) -> None:
    left = await SandboxAgentAcp.start(api, agent="mock", key="ses_1")
    await AgentProcess.start(left, cwd=tmp_path, now=lambda: Timestamp(1))
    notes = Notes()

    async with talking(api, tmp_path) as agent:
        assert await turn(agent, "echo new", notes) == "end_turn"
    left.close()

    assert notes.text() == "new"


async def test_a_server_that_disappears_ends_the_turn(
    api: SandboxAgentApi, server: SandboxAgentServer, tmp_path: Path
) -> None:
    thinking = asyncio.Event()

    async def on_entry(_: object) -> None:
        thinking.set()

    async with talking(api, tmp_path) as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=on_entry, ask=Notes().ask))
        await thinking.wait()
        server.kill()
        with pytest.raises(AgentDied):
            async with asyncio.timeout(20):
                await running


async def test_an_agent_made_with_the_protocols_own_sdk_understands_us_through_the_server(
    api: SandboxAgentApi, server: SandboxAgentServer, tmp_path: Path
) -> None:
    server.give_agent(SDK)
    notes = Notes(answer="yes")

    async with talking(api, tmp_path) as agent:
        assert agent.session_id == f"sdk in {tmp_path}"
        assert await turn(agent, "hello", notes) == "max_tokens"

    assert notes.text() == "helloselected"
