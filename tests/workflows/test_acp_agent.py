import asyncio
import json
import sys
from pathlib import Path

import pytest

from events.fact import Attachment
from events.transcript import Entry
from tests.workflows.conversation import SCRIPTED, Notes, talking, turn
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.json_rpc import LEFT_OUT
from workflows.processes import Processes


async def test_a_turn_gives_what_the_agent_said_before_it_ends(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        assert await turn(agent, "echo hé", notes) == "end_turn"
        assert await turn(agent, "tool", notes) == "end_turn"
        assert await turn(agent, "refuse", notes) == "refusal"

    assert notes.said == [
        ("agent", "agent_message_chunk", "hé"),
        ("tool", "tool_call", None),
        ("tool", "tool_call_update", None),
        ("agent", "plan", None),
    ]
    assert notes.entries[2].payload == {
        "toolCallId": "call_1",
        "status": "completed",
        "rawOutput": {"n": 1},
    }


async def test_a_burst_arrives_whole_and_in_order_before_the_turn_ends(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, "burst 30000", notes)

    assert [entry.text for entry in notes.entries] == [f"{number} " for number in range(30_000)]


async def test_an_agent_waits_for_a_slow_taker_and_nothing_piles_up(
    processes: Processes, tmp_path: Path
) -> None:
    taken: list[Entry] = []
    may_go_on = asyncio.Event()

    async def take(entry: Entry) -> None:
        taken.append(entry)
        await may_go_on.wait()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("burst 30000", on_entry=take, ask=Notes().ask))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(running), timeout=0.3)
        assert len(taken) == 1

        may_go_on.set()
        assert await running == "end_turn"

    assert len(taken) == 30_000


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("yes", {"outcome": "selected", "optionId": "yes"}),
        (None, {"outcome": "cancelled"}),
        ("never offered", {"outcome": "cancelled"}),
    ],
)
async def test_permission_is_asked_for_and_the_answer_handed_back(
    processes: Processes, tmp_path: Path, answer: str | None, outcome: dict[str, str]
) -> None:
    notes = Notes(answer)

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, "ask", notes)

    assert notes.questions == [("Delete everything", ("yes", "no"))]
    assert notes.said[0] == ("agent", "request_permission", None)
    assert json.loads(notes.text()) == outcome


async def test_noise_is_kept_and_broken_text_is_mended(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, "noise", notes)

    assert notes.said == [
        ("system", "stdout", "debug: not a message"),
        ("system", "stdout", "[1, 2]"),
        ("agent", "agent_message_chunk", "half ? \ufffd"),
    ]


async def test_a_line_without_end_is_left_out_with_a_word_and_the_next_is_heard(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, f"long {17 << 20}", notes)

    assert notes.said == [
        ("system", "stdout", LEFT_OUT),
        ("agent", "agent_message_chunk", "after"),
    ]


async def test_what_nobody_offers_an_agent_is_refused(processes: Processes, tmp_path: Path) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, "unknown", notes)

    assert notes.text() == "-32601"


async def test_places_in_files_are_handed_over_as_links(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()
    places = [
        Attachment(id="a", path="src/x.py", line=3, text="x = 1"),
        Attachment(id="b", path="README"),
    ]

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await agent.prompt("blocks", attachments=places, on_entry=notes.on_entry, ask=notes.ask)

    assert json.loads(notes.text())[1:] == [
        {
            "type": "resource_link",
            "name": "src/x.py",
            "uri": "src/x.py#L3",
            "description": "x = 1",
        },
        {"type": "resource_link", "name": "README", "uri": "README"},
    ]


@pytest.mark.parametrize(
    ("mode", "error", "sentence"),
    [
        ("mute", AgentFailed, "not ready within"),
        ("locked", AgentFailed, "Log in first"),
        ("future", AgentFailed, "speaks version 2"),
        ("dead", AgentDied, "exit code 4: no licence"),
    ],
)
async def test_an_agent_that_does_not_come_up_says_why_and_leaves_no_process(
    processes: Processes,
    tmp_path: Path,
    mode: str,
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        async with talking(
            processes, tmp_path, [*SCRIPTED, mode], within=0.5 if mode == "mute" else 30
        ):
            pass


@pytest.mark.parametrize(
    ("mode", "session"), [("load", "earlier"), ("resume", "earlier"), ("", "scripted-1")]
)
async def test_an_earlier_session_is_taken_up_by_agents_that_can(
    processes: Processes, tmp_path: Path, mode: str, session: str
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, [*SCRIPTED, mode], resume="earlier") as agent:
        assert agent.session_id == session
        await turn(agent, "echo new", notes)

    assert notes.text() == "new"


async def test_an_agent_made_with_the_protocols_own_sdk_understands_us(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes("yes")
    command = (sys.executable, str(Path(__file__).with_name("sdk_agent.py")))

    async with talking(processes, tmp_path, command) as agent:
        assert agent.session_id == f"sdk in {tmp_path}"
        assert await turn(agent, "hello ", notes) == "max_tokens"

    assert notes.questions == [("Do it", ("yes",))]
    assert notes.text() == "hello selected"
