"""Agents that die, fail or complain: the turn ends with what they said, or goes on."""

from pathlib import Path

import pytest

from events.transcript import Entry
from tests.workflows.conversation import SCRIPTED, Notes, talking, turn
from workflows import json_rpc
from workflows.acp_agent import STDERR_BYTES
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.processes import Processes


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


async def test_an_agent_that_is_killed_with_its_supervisor_is_dead_whoever_holds_its_pipes(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentDied):
            await turn(agent, "vanish", notes)

    assert notes.text() == "last words"
    assert notes.text("exit") == "The agent ended with exit code -9."


@pytest.mark.parametrize("method", ["session/request_permission", "fs/read_text_file"])
async def test_an_agent_that_asks_on_and_reads_no_answer_counts_as_dead(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(json_rpc, "WRITE_SECONDS", 0.5)

    async with talking(processes, tmp_path, SCRIPTED) as agent:
        with pytest.raises(AgentDied):
            await turn(agent, f"pester {method}", Notes(answer="yes"))
