"""Turns that an earlier life of the worker left."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from events import codec
from events.agent_session import TurnEnded
from events.commit import Recorded
from events.ids import BEGINNING, MessageId, Position, Timestamp
from events.memory import MemoryStore
from events.store import ALL, Limit
from events.transcript import EntriesAppended, Entry
from tests import facts
from tests.workflows.ready_task import READY
from tests.workflows.sessions_table import TRANSCRIPT, Table
from workflows.processes import Processes
from workflows.transcript_writer import TranscriptWriter


class Newer(MemoryStore):
    """Holds a transcript that another version has written to."""

    foreign = Recorded(
        position=Position(1),
        subject=TRANSCRIPT,
        message_id="m",
        body=b'{"v":99',
        decode=codec.decode,
    )

    async def last(self, subject: str) -> Recorded | None:
        return self.foreign if subject == TRANSCRIPT else await super().last(subject)

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        if subject == TRANSCRIPT:
            return [self.foreign]
        return await super().load(subject, after=after, limit=limit)


class Read(MemoryStore):
    """Knows how much of a transcript was read at once."""

    commits = 0

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        history = await super().load(subject, after=after, limit=limit)
        if subject == TRANSCRIPT:
            self.commits = max(self.commits, len(history))
        return history


async def test_a_turn_whose_transcript_cannot_be_read_ends_as_interrupted(
    processes: Processes, tmp_path: Path
) -> None:
    table = Table(Newer(), processes, tmp_path)
    await table.happen(*READY, facts.message_queued(), facts.message_delivered())

    async with asyncio.timeout(10):
        await table.sessions.interrupt(facts.TASK)

    [ended] = await table.told(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.stop_reason == "interrupted"


async def test_an_interrupted_turn_that_said_nothing_yet_gets_its_message_told(
    processes: Processes, tmp_path: Path
) -> None:
    table = Table(MemoryStore(), processes, tmp_path)
    await table.happen(*READY)
    await table.message("msg_1", "one")
    await table.message("msg_2", "two")
    for number in (1, 2):
        await table.happen(facts.message_delivered(message=MessageId(f"msg_{number}")))
        await table.sessions.interrupt(facts.TASK)

    said = [
        entry.text
        for one in await table.store.load(TRANSCRIPT)
        for event in one.commit.events
        if isinstance(event, EntriesAppended)
        for entry in event.entries
        if entry.sender == "user"
    ]
    assert said == ["one", "two"]


async def test_of_a_long_turn_that_was_interrupted_only_the_beginning_is_read(
    processes: Processes, tmp_path: Path
) -> None:
    store = Read()
    table = Table(store, processes, tmp_path)
    await table.happen(*READY, facts.message_queued(), facts.message_delivered())
    writer = TranscriptWriter(
        table.reports,
        store,
        organization_id=facts.ORGANIZATION,
        task_id=facts.TASK,
        session_id=facts.SESSION,
    )
    for said in (
        Entry(sender="user", kind="message", at=Timestamp(1), message_id=facts.MESSAGE, text="do"),
        Entry(sender="agent", kind="agent_message_chunk", at=Timestamp(1), text="doing"),
        Entry(sender="agent", kind="agent_message_chunk", at=Timestamp(1), text="done"),
    ):
        writer.add(said)
        await writer.flush()

    await table.sessions.interrupt(facts.TASK)

    assert store.commits == 1
    history = await store.load(TRANSCRIPT)
    assert len(history) == 4
    [told] = history[-1].commit.events
    assert isinstance(told, EntriesAppended)
    assert [entry.kind for entry in told.entries] == ["interrupted"]
