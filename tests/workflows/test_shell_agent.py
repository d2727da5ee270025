import asyncio
from pathlib import Path

import pytest

from events.transcript import Entry
from tests.process_tree import gone
from tests.workflows.conversation import Notes, talking
from workflows.agent_errors import AgentFailed
from workflows.agents import known_agents
from workflows.processes import Processes

SHELL = known_agents(None)["shell"].command


async def run(processes: Processes, folder: Path, *scripts: str) -> Notes:
    """What one agent said while it ran the scripts, one after another."""
    notes = Notes()
    async with asyncio.timeout(30), talking(processes, folder, SHELL) as agent:
        for script in scripts:
            assert await agent.prompt(script, on_entry=notes.on_entry, ask=notes.ask) == "end_turn"
    return notes


async def test_a_message_runs_as_a_script_in_the_working_tree(
    processes: Processes, tmp_path: Path
) -> None:
    notes = await run(processes, tmp_path, "\necho hé > new.txt\ncat new.txt\npwd\n")

    assert notes.said == [
        ("tool", "tool_call", None),
        ("agent", "agent_message_chunk", f"hé\n{tmp_path}\n"),
        ("tool", "tool_call_update", None),
    ]
    call, _, ended = notes.entries
    assert call.payload == {
        "toolCallId": "call_1",
        "title": "echo hé > new.txt",
        "kind": "execute",
        "status": "in_progress",
    }
    assert ended.payload == {
        "toolCallId": "call_1",
        "status": "completed",
        "rawOutput": {"exit_code": 0},
    }


async def test_complaints_are_told_apart_and_a_failure_is_one(
    processes: Processes, tmp_path: Path
) -> None:
    notes = await run(processes, tmp_path, "echo out; echo no >&2; exit 3")

    assert notes.text() == "out\n"
    assert ("tool", "stderr", "no\n") in notes.said
    ended = notes.entries[-1].payload
    assert ended is not None
    assert (ended["status"], ended["rawOutput"]) == ("failed", {"exit_code": 3})


@pytest.mark.parametrize(
    ("script", "exit_code"), [("no-such-program", 127), ("kill -9 $$", -9), ("if", 2), ("", 0)]
)
async def test_every_end_has_its_exit_code(
    processes: Processes, tmp_path: Path, script: str, exit_code: int
) -> None:
    ended = (await run(processes, tmp_path, script)).entries[-1].payload

    assert ended is not None
    assert ended["rawOutput"] == {"exit_code": exit_code}


async def test_nothing_is_carried_from_one_message_to_the_next(
    processes: Processes, tmp_path: Path
) -> None:
    notes = await run(processes, tmp_path, "X=1; export X; cd /", "echo [$X]; pwd")

    assert notes.text() == f"[]\n{tmp_path}\n"


async def test_a_script_longer_than_an_argument_may_be_runs_too(
    processes: Processes, tmp_path: Path
) -> None:
    lines = "# a comment that makes it long\n" * 8_000

    notes = await run(processes, tmp_path, f"{lines}echo done")

    assert notes.text() == "done\n"


async def test_letters_are_not_cut_and_large_outputs_arrive_whole(
    processes: Processes, tmp_path: Path
) -> None:
    notes = await run(processes, tmp_path, "for i in $(seq 20000); do printf 'ü€𝄞%s\\n' $i; done")

    assert notes.text() == "".join(f"ü€𝄞{number}\n" for number in range(1, 20_001))


async def test_what_is_no_text_is_shown_as_such(processes: Processes, tmp_path: Path) -> None:
    notes = await run(processes, tmp_path, r"printf 'a\377b\303'")

    assert notes.text() == "a\ufffdb\ufffd"


async def test_output_is_handed_on_while_the_script_runs(
    processes: Processes, tmp_path: Path
) -> None:
    heard = asyncio.Event()

    async def take(entry: Entry) -> None:
        if entry.kind == "agent_message_chunk":
            heard.set()

    async with asyncio.timeout(30), talking(processes, tmp_path, SHELL) as agent:
        script = "echo first; while [ ! -e go ]; do sleep 0.02; done"
        running = asyncio.create_task(agent.prompt(script, on_entry=take, ask=Notes().ask))
        await heard.wait()
        (tmp_path / "go").touch()

        assert await running == "end_turn"


async def test_output_without_end_is_cut(processes: Processes, tmp_path: Path) -> None:
    notes = await run(processes, tmp_path, "head -c 20000000 /dev/zero | tr '\\0' x")

    assert len(notes.text()) == 16 << 20
    assert "more than 16 MB" in notes.text("stderr")


async def test_something_left_in_the_background_does_not_hold_the_turn_and_ends_with_the_agent(
    processes: Processes, tmp_path: Path
) -> None:
    notes = await run(
        processes,
        tmp_path,
        "while echo tick; do sleep 0.01; done & echo $! >pid",
        "kill -0 $(cat pid)",
    )

    ended = notes.entries[-1].payload
    assert ended is not None
    assert ended["rawOutput"] == {"exit_code": 0}
    assert await gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM INT; "])
async def test_a_cancelled_script_ends_with_all_it_started(
    processes: Processes, tmp_path: Path, stubborn: str
) -> None:
    notes = Notes()
    heard = asyncio.Event()

    async def take(entry: Entry) -> None:
        await notes.on_entry(entry)
        if entry.kind == "agent_message_chunk":
            heard.set()

    async with asyncio.timeout(30), talking(processes, tmp_path, SHELL) as agent:
        script = f"{stubborn}sleep 1000 & echo $! >pid; echo go; wait; sleep 1000"
        running = asyncio.create_task(agent.prompt(script, on_entry=take, ask=notes.ask))
        await heard.wait()
        await agent.cancel()

        assert await running == "cancelled"
        assert await gone(int((tmp_path / "pid").read_text()))
        assert await agent.prompt("true", on_entry=take, ask=notes.ask) == "end_turn"


async def test_one_script_at_a_time_runs_in_a_session(processes: Processes, tmp_path: Path) -> None:
    notes = Notes()
    heard = asyncio.Event()

    async def take(_entry: Entry) -> None:
        heard.set()

    async with asyncio.timeout(30), talking(processes, tmp_path, SHELL) as agent:
        running = asyncio.create_task(agent.prompt("sleep 1000", on_entry=take, ask=notes.ask))
        await heard.wait()
        with pytest.raises(AgentFailed, match="is running"):
            await agent.prompt("true", on_entry=notes.on_entry, ask=notes.ask)
        await agent.cancel()
        await running
