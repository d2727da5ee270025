"""The sessions of a task as a whole: agents that cannot be had for a while, and turns an earlier life left."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from commands.task_state import Session, Task
from events import codec
from events.agent_session import MessageDelivered, PermissionRequested, TurnEnded
from events.commit import Event, Recorded
from events.ids import BEGINNING, MessageId, Position, Timestamp
from events.memory import MemoryStore
from events.store import ALL, Limit, subject_of
from events.transcript import EntriesAppended, Entry
from runtime.lifecycle import Gate
from tests import facts
from tests.workflows.conversation import SCRIPTED
from tests.workflows.remote import SANDBOX
from workflows.agent_names import AgentNames
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.job_kind import Retry
from workflows.processes import Child, Processes
from workflows.sandbox import Sandbox
from workflows.sessions import START, Sessions
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import TranscriptWriter

TRANSCRIPT = subject_of("transcript", facts.SESSION)
READY: list[Event] = [
    facts.task_created(),
    facts.session_created(),
    facts.job_announced(),
    facts.sandbox_allocated(),
    facts.sandbox_ready(),
    facts.session_ready(),
    facts.task_provisioned(),
]


class Moody:
    """Starts the scripted agent, unless it `fails` a few times more."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self.fails = 0

    async def find(self, agent: str) -> str:
        return agent

    async def start(self, sandbox: Sandbox, agent: str) -> Child:
        if self.fails:
            self.fails -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await self._processes.start(
            SCRIPTED, sandbox_id=SANDBOX, cwd=self._folder, home=self._folder
        )


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


class Table:
    def __init__(self, store: MemoryStore, processes: Processes, folder: Path) -> None:
        self.store = store
        self.gate = Gate("worker")
        self.aggregates = Aggregates(store)
        self.reports = SteadyReports(Reports(store, self.aggregates, lambda: Timestamp(1)))
        self.launcher = Moody(processes, folder)
        self.agents = AgentPool(
            launchers={"local": self.launcher},
            log_folder=folder / "logs",
            names=AgentNames(folder / "names"),
            now=lambda: Timestamp(1),
            limit=1,
        )
        self.files = FileCapture(
            aggregates=self.aggregates, reports=self.reports, store=store, providers={}
        )
        self.sessions = Sessions(
            aggregates=self.aggregates,
            reports=self.reports,
            store=store,
            agents=self.agents,
            files=self.files,
            host=facts.sandbox_allocated().host,
            worker="w",
            now=lambda: Timestamp(1),
            gate=self.gate,
        )

    async def happen(self, *events: Event) -> None:
        head = await self.store.head()
        await self.reports.report(
            TASK, facts.TASK, lambda now: list(events), report_id=f"given/{head}"
        )
        self.sessions.wake(facts.TASK)

    async def message(self, message: str, text: str) -> None:
        await self.happen(facts.message_queued(message=MessageId(message), text=text))

    async def task(self) -> Task:
        task = (await self.aggregates.load(TASK, facts.TASK)).state
        assert isinstance(task, Task)
        return task

    async def session(self) -> Session:
        return (await self.task()).sessions[facts.SESSION]

    async def until(self, status: str, *, waiting: int = 0) -> None:
        async with asyncio.timeout(20):
            while (session := await self.session()).status != status or (
                len(session.queue) != waiting
            ):
                await asyncio.sleep(0)

    async def drain(self) -> asyncio.Task[None]:
        """Let the worker drain, with a minute's time; ends with what it still has in hand."""
        deadline = asyncio.get_running_loop().time() + 60
        draining = asyncio.create_task(self.gate.drain(deadline))
        while not self.gate.draining:
            await asyncio.sleep(0)
        return draining

    async def told(self, kind: type[Event]) -> list[Event]:
        history = await self.store.load(subject_of("task", facts.TASK))
        events = [event for one in history for event in one.commit.events]
        return [event for event in events if isinstance(event, kind)]


@pytest.fixture
async def table(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Table]:
    monkeypatch.setattr("workflows.sessions.START", Retry(first=0.001))
    table = Table(MemoryStore(), processes, tmp_path)
    running = asyncio.create_task(table.sessions.run())
    yield table
    running.cancel()
    await asyncio.wait([running])
    await table.agents.close()


async def test_an_agent_that_cannot_be_had_at_once_is_tried_again(table: Table) -> None:
    table.launcher.fails = START.attempts - 1
    await table.happen(*READY)

    await table.message("msg_1", "echo hello")

    async with asyncio.timeout(20):
        while not await table.told(TurnEnded):
            await asyncio.sleep(0)
    assert (await table.session()).status == "ready"


async def test_the_next_message_opens_a_session_that_failed_and_all_that_waits_is_delivered(
    table: Table,
) -> None:
    await table.happen(*READY)
    for life in range(2):
        table.launcher.fails = START.attempts
        await table.message(f"msg_{life}_1", "echo one")
        await table.until("error", waiting=1)

        await table.message(f"msg_{life}_2", "echo two")

        await table.until("ready")
        # So that the session has to be opened a second time.
        await table.agents.end(facts.SESSION)

    delivered = await table.told(MessageDelivered)
    assert [one.message_id for one in delivered if isinstance(one, MessageDelivered)] == [
        f"msg_{life}_{number}" for life in range(2) for number in (1, 2)
    ]


@pytest.mark.parametrize(
    "waiting",
    [[*READY, facts.message_queued()], [one for one in READY if one != facts.session_ready()]],
    ids=["to take a message", "to be opened"],
)
async def test_who_waits_for_a_place_does_not_keep_a_task_from_ending(
    table: Table, waiting: list[Event]
) -> None:
    table.agents._places = 0
    await table.happen(*waiting)
    async with asyncio.timeout(20):
        while not table.sessions._busy:
            await asyncio.sleep(0)

    await table.happen(facts.task_kill_requested())
    async with asyncio.timeout(10):
        await table.sessions.end_task(facts.TASK)

    assert not await table.told(MessageDelivered)


@pytest.mark.parametrize(
    "waiting",
    [[*READY, facts.message_queued()], [one for one in READY if one != facts.session_ready()]],
    ids=["to take a message", "to be opened"],
)
async def test_a_closed_session_waits_for_no_agent(table: Table, waiting: list[Event]) -> None:
    table.agents._places = 0
    await table.happen(*waiting)
    async with asyncio.timeout(20):
        while not table.sessions._busy:
            await asyncio.sleep(0)

    await table.happen(facts.session_closed())

    async with asyncio.timeout(10):
        while table.sessions._busy:
            await asyncio.sleep(0)
    assert not await table.told(MessageDelivered)


async def test_while_its_worker_drains_a_question_is_answered_and_nothing_is_begun(
    table: Table,
) -> None:
    await table.happen(*READY)
    await table.message("msg_1", "ask")
    await table.message("msg_2", "echo")
    async with asyncio.timeout(20):
        while not (asked := await table.told(PermissionRequested)):
            await asyncio.sleep(0)
    (question,) = asked
    assert isinstance(question, PermissionRequested)

    draining = await table.drain()
    await table.happen(facts.permission_answered(request=question.request_id, option="yes"))

    async with asyncio.timeout(20):
        await draining
    (ended,) = await table.told(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert (ended.message_id, ended.stop_reason) == ("msg_1", "end_turn")
    assert len(await table.told(MessageDelivered)) == 1


async def test_while_its_worker_drains_a_turn_can_be_stopped(table: Table) -> None:
    await table.happen(*READY)
    await table.message("msg_1", "forever")
    async with asyncio.timeout(20):
        while not await table.told(MessageDelivered):
            await asyncio.sleep(0)

    draining = await table.drain()
    await table.happen(facts.session_stop_requested(message=MessageId("msg_1")))

    async with asyncio.timeout(20):
        await draining
    (ended,) = await table.told(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.stop_reason == "cancelled"


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
