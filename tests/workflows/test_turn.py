"""One turn with a real agent: when it is stopped, what becomes of the agent, of the message and of what is told."""

import asyncio

import pytest

from events.fact import Attachment
from events.ids import Position
from events.transcript import Entry
from runtime.errors import Unavailable
from tests.workflows.table import Table
from workflows.acp_agent import AgentProcess
from workflows.transcript_writer import INLINE_BYTES, TranscriptWriter
from workflows.turn import BROKEN, ENDINGS


async def test_an_agent_that_obeys_a_stop_lives_on(table: Table) -> None:
    turn = await table.turn("forever")
    running = asyncio.create_task(turn.run(table.agent))
    await table.until_said("thinking")

    async with asyncio.timeout(5):
        await turn.cancel()
        await running

    assert await table.ended() == ["cancelled"]
    assert table.agent.alive


async def test_an_agent_that_does_not_obey_a_stop_is_ended(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.turn.CANCEL_GRACE_SECONDS", 0.05)
    turn = await table.turn("stubborn")
    running = asyncio.create_task(turn.run(table.agent))
    await table.until_said("thinking")

    await turn.cancel()
    await running

    assert await table.ended() == ["cancelled"]
    assert not table.agent.alive


async def test_a_stop_between_the_delivery_and_the_hand_over_is_not_lost(table: Table) -> None:
    turn = await table.turn("forever")
    table.reports.happening = turn.cancel

    async with asyncio.timeout(5):
        await turn.run(table.agent)

    assert await table.ended() == ["cancelled"]
    assert await table.said() == [("user", "forever"), ("system", ENDINGS["cancelled"])]


async def test_a_turn_that_the_agent_ends_early_says_so(table: Table) -> None:
    turn = await table.turn("refuse")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["refusal"]
    assert await table.said() == [("user", "refuse"), ("system", ENDINGS["refusal"])]
    assert table.agent.alive


async def test_a_turn_whose_words_are_too_long_for_the_log_ends_though_the_store_was_away(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.transcript_writer.RETRY_SECONDS", 0.01)
    turn = await table.turn(f"echo {'x' * (INLINE_BYTES + 1)}")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["end_turn"]
    # The message itself is that long too.
    assert await table.said() == [("user", None), ("agent", None)]


@pytest.mark.parametrize(
    ("text", "comment", "kept"),
    [
        ("echo", "here", True),
        (f"echo {'x' * INLINE_BYTES}", "here", True),
        ("echo", "x" * INLINE_BYTES, False),
    ],
)
async def test_what_a_message_points_at_is_told_with_it(
    table: Table, text: str, comment: str, kept: bool
) -> None:
    attachments = (Attachment(id="1", path="a.py", line=3, text=comment),)
    turn = await table.turn(text, attachments)

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    message, *_ = await table.entries()
    assert message.attachments == (attachments if kept else ())


async def test_what_the_log_writes_longer_than_it_is_does_not_break_the_turn(table: Table) -> None:
    turn = await table.turn("zeros")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["end_turn"]
    assert await table.said() == [("user", "zeros"), ("agent", None)]


@pytest.mark.parametrize("word", ["kind", "method"])
async def test_a_word_that_is_longer_than_any_of_the_protocol_is_cut(
    table: Table, word: str
) -> None:
    turn = await table.turn(f"{word} 900000")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["end_turn"]


async def check_broken_off(table: Table) -> None:
    """A turn that would go on for ever ends with its agent, and says why."""
    turn = await table.turn("forever")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["error"]
    assert not table.agent.alive
    assert (await table.said())[-1] == ("system", BROKEN)


async def test_what_cannot_be_written_down_ends_the_turn_and_the_agent(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_deep(writer: TranscriptWriter, entry: Entry) -> None:
        if entry.sender == "agent":
            raise RecursionError
        add(writer, entry)

    add = TranscriptWriter.add
    monkeypatch.setattr(TranscriptWriter, "add", too_deep)

    await check_broken_off(table)


async def test_a_writer_that_fails_ends_the_turn_and_drops_what_it_could_not_write(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(writer: TranscriptWriter, entries: list[Entry], report_id: str) -> Position:
        if any(entry.text == "thinking" for entry in entries):
            raise ValueError("no")
        return await append(writer, entries, report_id)

    append = TranscriptWriter._append
    monkeypatch.setattr(TranscriptWriter, "_append", broken)

    await check_broken_off(table)


async def test_a_transcript_that_cannot_be_read_ends_the_turn_in_the_tasks_history(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> Position:
        raise Unavailable("From a newer version.", code="unreadable")

    monkeypatch.setattr(TranscriptWriter, "_append", unreadable)
    turn = await table.turn("forever")

    async with asyncio.timeout(20):
        await turn.run(table.agent)

    assert await table.ended() == ["error"]


async def test_an_agent_that_does_not_read_is_stopped_as_soon_as_one_that_does_not_obey(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("workflows.turn.CANCEL_GRACE_SECONDS", 0.05)
    turn = await table.turn("stubborn")
    running = asyncio.create_task(turn.run(table.agent))
    await table.until_said("thinking")
    monkeypatch.setattr(AgentProcess, "cancel", never)

    async with asyncio.timeout(10):
        await turn.cancel()
        await running

    assert await table.ended() == ["cancelled"]
    assert not table.agent.alive
