"""What it takes until an agent can be talked to: a login, a session, a model."""

from pathlib import Path

import pytest

from tests.workflows.conversation import SCRIPTED, Notes, talking
from workflows.acp_agent import FORGOTTEN
from workflows.agent_errors import AgentFailed
from workflows.processes import Processes


async def test_an_agent_that_wants_a_login_takes_the_key_it_was_given(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, [*SCRIPTED, "keyed"]) as agent:
        await agent.prompt("echo in", on_entry=notes.on_entry, ask=notes.ask)

    assert notes.text() == "in"


async def test_an_agent_that_has_no_key_says_how_it_gets_one(
    processes: Processes, tmp_path: Path
) -> None:
    with pytest.raises(AgentFailed, match=r"^Log in first\. It may want a key: .*FOUNDRY_AGENTS"):
        async with talking(processes, tmp_path, [*SCRIPTED, "locked"]):
            pass


async def test_what_an_agent_says_with_its_new_session_is_heard(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, [*SCRIPTED, "greeting"]) as agent:
        await agent.prompt("echo on", on_entry=notes.on_entry, ask=notes.ask)

    assert notes.text() == "welcome on"


@pytest.mark.parametrize("mode", ["", "listing"])
async def test_a_model_is_chosen_whichever_way_the_agent_offers_it(
    processes: Processes, tmp_path: Path, mode: str
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, [*SCRIPTED, mode]) as agent:
        assert await agent.choose_model("fast")
        await agent.prompt("echo .", on_entry=notes.on_entry, ask=notes.ask)

    assert notes.text() == "now fast."


@pytest.mark.parametrize(
    ("mode", "offered"), [("", "fast"), ("listing", "fast"), ("plain", "no choice of models")]
)
async def test_a_model_the_agent_does_not_have_is_told_in_the_transcript(
    processes: Processes, tmp_path: Path, mode: str, offered: str
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, [*SCRIPTED, mode]) as agent:
        assert not await agent.choose_model("unheard of")
        await agent.note_missing("unheard of")
        await agent.prompt("echo on", on_entry=notes.on_entry, ask=notes.ask)

    assert notes.said == [
        ("system", "notice", f"The agent does not have the model unheard of; it offers {offered}."),
        ("agent", "agent_message_chunk", "on"),
    ]


async def test_an_agent_that_cannot_take_a_conversation_up_says_that_it_knows_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()

    async with talking(processes, tmp_path, SCRIPTED, resume="earlier") as agent:
        await agent.prompt("echo on", on_entry=notes.on_entry, ask=notes.ask)

    assert notes.said == [
        ("system", "notice", FORGOTTEN),
        ("agent", "agent_message_chunk", "on"),
    ]
