import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from events.agent_session import PermissionOption
from events.fact import Attachment
from events.transcript import Entry
from tests.workflows.conversation import SCRIPTED, Notes, talking
from workflows import json_rpc
from workflows.acp_agent import STDERR_BYTES, AgentProcess
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.processes import Processes


async def turn(agent: AgentProcess, text: str, notes: Notes) -> str:
    async with asyncio.timeout(30):
        return await agent.prompt(text, on_entry=notes.on_entry, ask=notes.ask)


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


async def test_an_agent_that_dies_in_a_turn_leaves_its_last_words(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentDied, match="exit code 3: Boom: it broke") as death:
            await turn(agent, "die 3", notes)
        assert not agent.alive
        with pytest.raises(AgentDied):
            await turn(agent, "echo x", notes)

    assert death.value.exit_code == 3
    assert notes.said == [
        ("agent", "agent_message_chunk", "last words"),
        ("system", "stderr", "Traceback\nBoom: it broke\n"),
        ("system", "exit", "The agent ended with exit code 3."),
    ]
    assert (tmp_path / "logs" / "agent.log").read_text() == "Traceback\nBoom: it broke\n"


async def test_a_flood_of_complaints_holds_nothing_up_and_fills_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        assert await turn(agent, "flood 1024", notes) == "end_turn"
        assert await turn(agent, "flood 1024", notes) == "end_turn"
        with pytest.raises(AgentDied) as death:
            await turn(agent, "die 1", notes)

    assert notes.text() == "drydrylast words"
    assert len(death.value.stderr) <= STDERR_BYTES
    assert "the end of the flood" in death.value.stderr
    assert sum(file.stat().st_size for file in (tmp_path / "logs").iterdir()) < 4 << 20


async def test_a_log_that_a_full_disk_does_not_take_holds_nothing_up(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "agent.log").symlink_to("/dev/full")

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        assert await turn(agent, "flood 1024", notes) == "end_turn"
        with pytest.raises(AgentDied, match="Boom: it broke"):
            await turn(agent, "die 1", notes)

    assert notes.text() == "drylast words"


async def test_a_turn_without_end_can_be_cancelled(processes: Processes, tmp_path: Path) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("forever", on_entry=take, ask=Notes().ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            assert await running == "cancelled"
        assert await turn(agent, "echo still there", Notes()) == "end_turn"


async def test_cancelling_answers_the_open_question(processes: Processes, tmp_path: Path) -> None:
    asked = asyncio.Event()
    notes = Notes()

    async def ask(_title: str, _options: Sequence[PermissionOption]) -> str | None:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return "yes"

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("ask", on_entry=notes.on_entry, ask=ask))
        await asked.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            await running

    assert json.loads(notes.text()) == {"outcome": "cancelled"}


async def test_a_question_that_crosses_a_cancel_is_answered_and_not_asked(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()
    said: list[Entry] = []

    async def take(entry: Entry) -> None:
        said.append(entry)
        first_word.set()

    notes = Notes(answer="yes")
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("afterthought", on_entry=take, ask=notes.ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            assert await running == "cancelled"

    assert notes.questions == []
    assert json.loads(said[-1].text or "") == {"outcome": "cancelled"}


async def test_an_agent_that_does_not_obey_ends_when_it_is_closed(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("stubborn", on_entry=take, ask=Notes().ask))
        await first_word.wait()
        await agent.cancel()

        async with asyncio.timeout(10):
            await agent.close()
            with pytest.raises(AgentDied):
                await running


async def test_closing_does_not_wait_for_a_taker_that_takes_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    first_word = asyncio.Event()

    async def take(_entry: Entry) -> None:
        first_word.set()
        await asyncio.get_running_loop().create_future()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        running = asyncio.create_task(agent.prompt("burst 9000", on_entry=take, ask=Notes().ask))
        await first_word.wait()

        async with asyncio.timeout(15):
            await agent.close()
            with pytest.raises(AgentDied):
                await running


async def test_a_taker_that_fails_ends_the_turn_with_its_own_error(
    processes: Processes, tmp_path: Path
) -> None:
    async def take(_entry: Entry) -> None:
        raise LookupError("the log is gone")

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(LookupError):
            await agent.prompt("burst 10", on_entry=take, ask=Notes().ask)
        assert not agent.alive


async def test_an_agent_that_answers_with_an_error_fails_the_turn_only(
    processes: Processes, tmp_path: Path
) -> None:
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentFailed, match="out of tokens"):
            await turn(agent, "fail out of tokens", Notes())
        assert await turn(agent, "echo x", Notes()) == "end_turn"


@pytest.mark.parametrize(
    "data",
    ['"no network"', '{"message": "no network", "kind": "other"}', '{"details": "no network"}'],
)
async def test_the_reason_an_agent_gives_beside_its_error_is_told(
    processes: Processes, tmp_path: Path, data: str
) -> None:
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentFailed, match=r"^Internal error: no network$"):
            await turn(agent, f"fail Internal error|{data}", Notes())


async def test_an_agent_that_closes_its_output_counts_as_dead(
    processes: Processes, tmp_path: Path
) -> None:
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentDied):
            await turn(agent, "hush", Notes())


@pytest.mark.parametrize("method", ["session/request_permission", "fs/read_text_file"])
async def test_an_agent_that_asks_on_and_reads_no_answer_counts_as_dead(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(json_rpc, "WRITE_SECONDS", 0.5)

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentDied):
            await turn(agent, f"pester {method}", Notes(answer="yes"))


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


async def test_a_line_without_end_is_left_out_and_the_next_is_heard(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        await turn(agent, f"long {17 << 20}", notes)

    assert notes.said == [("agent", "agent_message_chunk", "after")]


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
