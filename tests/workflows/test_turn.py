"""One turn with a real agent: when it is stopped, what becomes of the agent, of the message and of what is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from commands.task_state import Session, Task
from events.agent_session import TurnEnded
from events.commit import Event
from events.fact import Attachment, Blob
from events.ids import Position, Timestamp
from events.memory import MemoryStore
from events.store import subject_of
from events.transcript import EntriesAppended, Entry
from runtime.errors import Unavailable
from tests import facts
from tests.workflows.conversation import SCRIPTED, talking
from workflows.acp_agent import AgentProcess
from workflows.processes import Processes
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import INLINE_BYTES, TranscriptWriter
from workflows.turn import BROKEN, ENDINGS, NO_OPTIONS, Turn


class LosesFirstBlob(MemoryStore):
    """A store that cannot be reached when the first blob is put."""

    lost = False

    async def put_blob(self, content: bytes) -> Blob:
        if not self.lost:
            self.lost = True
            raise Unavailable("The event store cannot be reached.")
        return await super().put_blob(content)


class Interrupting(SteadyReports):
    """Once the first report is stored, something else happens before its sender hears of that."""

    happening: Callable[[], Awaitable[None]] | None = None

    async def report(self, *args: Any, **named: Any) -> Any:
        answer = await super().report(*args, **named)
        happening, self.happening = self.happening, None
        if happening is not None:
            await happening()
        return answer


class Table:
    """A task with a session whose first message waits, and an agent for it."""

    def __init__(self, agent: AgentProcess, store: MemoryStore) -> None:
        self.agent = agent
        self.store = store
        self.aggregates = Aggregates(store)
        self.reports = Interrupting(Reports(store, self.aggregates, lambda: Timestamp(1)))

    async def turn(self, text: str, attachments: tuple[Attachment, ...] = ()) -> Turn:
        history: list[Event] = [
            facts.task_created(),
            facts.session_created(),
            facts.job_announced(),
            facts.sandbox_allocated(),
            facts.sandbox_ready(),
            facts.session_ready(),
            facts.task_provisioned(),
            facts.message_queued(text=text, attachments=attachments),
        ]
        await self.reports.report(TASK, facts.TASK, lambda now: history, report_id="given")
        task = (await self.aggregates.load(TASK, facts.TASK)).state
        assert isinstance(task, Task)
        session: Session = task.sessions[facts.SESSION]
        return Turn(
            task,
            session,
            session.queue[0],
            reports=self.reports,
            store=self.store,
            now=lambda: Timestamp(1),
            worker="w",
        )

    async def ended(self) -> list[str]:
        """How turns ended, as the task's history has it."""
        history = await self.store.load(subject_of("task", facts.TASK))
        events = [event for one in history for event in one.commit.events]
        return [event.stop_reason for event in events if isinstance(event, TurnEnded)]

    async def said(self) -> list[tuple[str, str | None]]:
        return [(entry.sender, entry.text) for entry in await self.entries()]

    async def entries(self) -> list[Entry]:
        history = await self.store.load(subject_of("transcript", facts.SESSION))
        return [
            entry
            for one in history
            for event in one.commit.events
            if isinstance(event, EntriesAppended)
            for entry in event.entries
        ]

    async def until_said(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in [said for _, said in await self.said()]:
                await asyncio.sleep(0)


@pytest.fixture
async def table(processes: Processes, tmp_path: Path) -> AsyncIterator[Table]:
    async with talking(processes, tmp_path, SCRIPTED) as agent:
        yield Table(agent, LosesFirstBlob())


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


async def test_a_question_nobody_could_answer_is_answered_at_once_and_seen(table: Table) -> None:
    turn = await table.turn("ask nothing")

    async with asyncio.timeout(5):
        await turn.run(table.agent)

    said = await table.said()
    assert await table.ended() == ["end_turn"]
    assert ("system", f"Delete everything ({NO_OPTIONS})") in said
    assert ("agent", '{"outcome": "cancelled"}') in said
