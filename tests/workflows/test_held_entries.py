"""What an agent says between two turns."""

import asyncio
from pathlib import Path

import pytest

from events.ids import Timestamp
from events.transcript import Entry
from tests.workflows.conversation import SCRIPTED, Notes, talking
from workflows.held_entries import BYTES, ENTRIES, HeldEntries, left_out
from workflows.json_rpc import Message
from workflows.processes import Processes


def said(text: str) -> Entry:
    return Entry(sender="agent", kind="agent_message_chunk", at=Timestamp(1), text=text)


def update(text: str) -> Message:
    said = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
    return {"method": "session/update", "params": {"update": said}}


@pytest.mark.parametrize(("count", "length"), [(ENTRIES + 2, 1), (6, BYTES // 4)])
def test_the_newest_is_kept_and_it_is_told_how_much_is_not(count: int, length: int) -> None:
    held = HeldEntries()

    for number in range(count):
        held.add(said(f"{number} ".ljust(length)))

    notice, *kept = held.take(Timestamp(2))
    missing = count - len(kept)
    assert notice.text == left_out(missing)
    assert missing >= 2
    assert [int(entry.text or "") for entry in kept] == list(range(missing, count))
    assert not list(held.take(Timestamp(3)))


def test_what_is_longer_than_all_that_is_kept_is_left_out_alone() -> None:
    held = HeldEntries()

    held.add(said("x" * BYTES))
    held.add(said("after"))

    assert [entry.text for entry in held.take(Timestamp(2))] == [left_out(1), "after"]


async def test_what_comes_while_a_turn_begins_stands_behind_what_was_said_before(
    processes: Processes, tmp_path: Path
) -> None:
    notes = Notes()
    may_go_on = asyncio.Event()

    async def take(entry: Entry) -> None:
        await notes.on_entry(entry)
        await may_go_on.wait()

    async with talking(processes, tmp_path, SCRIPTED) as agent, asyncio.timeout(30):
        await agent.message(update("one "))
        await agent.message(update("two "))
        turning = asyncio.create_task(agent.prompt("echo four", on_entry=take, ask=notes.ask))
        while not notes.entries:
            await asyncio.sleep(0)
        speaking = asyncio.create_task(agent.message(update("three ")))
        await asyncio.sleep(0)
        may_go_on.set()
        await asyncio.gather(turning, speaking)

    assert notes.text() == "one two three four"
