"""Drives the agent sessions of the tasks whose sandbox is on this host: opens them, hands over messages, ends them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing

from commands.aggregates import Aggregates
from commands.session_reports import session_failed, session_ready, turn_ended
from commands.task import TASK
from commands.task_state import Session, Task
from events.agent_session import MessageQueued
from events.codec import is_readable
from events.ids import MessageId, SessionId, TaskId, Timestamp
from events.store import EventStore, subject_of
from events.transcript import EntriesAppended, Entry
from runtime.errors import Unavailable
from runtime.lifecycle import Gate
from runtime.logs import log_fields
from runtime.pulse import Pulse
from workflows.acp_agent import AgentDied, AgentFailed
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.session_step import CancelTurn, Deliver, EndAgent, OpenSession, next_step
from workflows.steady_reports import SteadyReports
from workflows.transcript_writer import TranscriptWriter
from workflows.turn import Turn
from workflows.woken_tasks import WokenTasks

log = logging.getLogger(__name__)

END_SECONDS = 15.0


class Sessions:
    """`wake` says that something about a task may have changed; all work happens in tasks that `run` owns."""

    def __init__(
        self,
        *,
        aggregates: Aggregates,
        reports: SteadyReports,
        store: EventStore,
        agents: AgentPool,
        files: FileCapture,
        host: str,
        worker: str,
        now: Callable[[], Timestamp],
        gate: Gate,
    ) -> None:
        self._gate = gate
        self._reports = reports
        self._store = store
        self._agents = agents
        self._files = files
        self._worker = worker
        self._now = now
        self._woken = WokenTasks("sessions", aggregates, host=host, gate=gate)
        self._busy: dict[SessionId, asyncio.Task[None]] = {}
        self._turns: dict[SessionId, Turn] = {}

    def wake(self, task_id: TaskId) -> None:
        """Look at this task soon."""
        self._woken.wake(task_id)

    @property
    def pulse(self) -> Pulse:
        return self._woken.pulse

    async def run(self) -> None:
        """Serve until cancelled; what runs then is cancelled too and found again at the next start."""
        async with asyncio.TaskGroup() as group, aclosing(self._woken.each()) as tasks:
            async for task in tasks:
                self._look(task, group)

    @property
    def turns(self) -> int:
        """How many turns run now."""
        return len(self._turns)

    async def interrupt(self, task_id: TaskId) -> None:
        """After a start: end the turns that an earlier process of this host left running, never repeat them."""
        task = await self._woken.task(task_id)
        for session in task.sessions.values() if task else ():
            if task is not None and session.running is not None and session.id not in self._turns:
                await self._interrupted(task, session, session.running)

    async def end_task(self, task_id: TaskId) -> None:
        """Stop the turns of a task and end its agents, because its sandbox goes away."""
        task = await self._woken.task(task_id)
        if task is None:
            return
        for session_id in task.sessions:
            turn, working = self._turns.get(session_id), self._busy.get(session_id)
            stopping = asyncio.create_task(turn.cancel()) if turn else None
            if working is not None:
                await asyncio.wait([working], timeout=END_SECONDS)
            if stopping is not None:
                stopping.cancel()
            await self._agents.end(session_id)
        await self.interrupt(task_id)

    def _look(self, task: Task, group: asyncio.TaskGroup) -> None:
        for session in task.sessions.values():
            self._answer(session)
            self._take_step(task, session, group)

    def _answer(self, session: Session) -> None:
        turn = self._turns.get(session.id)
        for request_id, request in session.requests.items() if turn else ():
            if turn is not None and request.answer is not None:
                turn.answer(request_id, request.answer)

    def _take_step(self, task: Task, session: Session, group: asyncio.TaskGroup) -> None:
        step = next_step(task, session)
        if isinstance(step, CancelTurn):
            turn = self._turns.get(session.id)
            if turn is not None:
                group.create_task(self._cancel(session.id, turn), name="cancel turn")
            return
        if step is None or session.id in self._busy:
            return
        match step:
            case OpenSession():
                work = self._open(task, session)
            case Deliver(message):
                turn = Turn(
                    task,
                    session,
                    message,
                    reports=self._reports,
                    store=self._store,
                    now=self._now,
                    worker=self._worker,
                )
                work = self._run_turn(task, session, turn)
            case EndAgent():
                if not self._agents.has(session.id):
                    return
                work = self._agents.end(session.id)
        self._busy[session.id] = group.create_task(
            self._guarded(task.task_id, session.id, work), name=f"session {session.id}"
        )

    async def _guarded(
        self, task_id: TaskId, session_id: SessionId, work: Coroutine[object, object, None]
    ) -> None:
        """One session's failure is its own: it ends in a state that says so, and the others go on."""
        with log_fields(task_id=task_id, session_id=session_id):
            try:
                async with self._gate.work("session"):
                    await work
            except Exception as error:
                if self._gate.draining and isinstance(error, Unavailable):
                    # The next start finds what is left to do.
                    work.close()
                else:
                    log.exception("session work failed")
                    await self._fail(task_id, session_id, f"The worker failed: {error}")
            finally:
                del self._busy[session_id]
        self.wake(task_id)

    async def _cancel(self, session_id: SessionId, turn: Turn) -> None:
        with log_fields(session_id=session_id):
            try:
                await turn.cancel()
            except Exception:
                # The turn goes on or has ended; whoever asked may ask again.
                log.exception("turn could not be cancelled")

    async def _open(self, task: Task, session: Session) -> None:
        try:
            await self._agents.get(task, session)
        except (AgentDied, AgentFailed) as error:
            await self._fail(task.task_id, session.id, str(error))
            return
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: session_ready(now, session_id=session.id),
            report_id=f"{self._worker}/{session.id}/ready",
        )

    async def _run_turn(self, task: Task, session: Session, turn: Turn) -> None:
        try:
            agent = await self._agents.get(task, session)
        except (AgentDied, AgentFailed) as error:
            await self._fail(task.task_id, session.id, str(error))
            return
        self._turns[session.id] = turn
        try:
            with self._agents.in_use(session.id), self._files.watched(task.task_id):
                await turn.run(agent)
        finally:
            del self._turns[session.id]
        self._files.request(task.task_id)

    async def _fail(self, task_id: TaskId, session_id: SessionId, message: str) -> None:
        await self._reports.report(
            TASK,
            task_id,
            lambda task: session_failed(task, session_id=session_id, message=message),
            report_id=f"{self._worker}/{session_id}/failed/{self._now()}",
        )

    async def _interrupted(self, task: Task, session: Session, message_id: MessageId) -> None:
        writer = TranscriptWriter(
            self._reports,
            self._store,
            organization_id=task.organization_id,
            task_id=task.task_id,
            session_id=session.id,
        )
        if not await self._was_said(session, message_id):
            # The crash came between the delivery and the first transcript commit of the turn.
            writer.add(
                Entry(
                    sender="user",
                    kind="message",
                    at=self._now(),
                    message_id=message_id,
                    text=await self._text_of(task.task_id, message_id),
                )
            )
        writer.add(
            Entry(
                sender="system",
                kind="interrupted",
                at=self._now(),
                message_id=message_id,
                text="The worker ended while this turn was running. The message was not handed over again; send it anew to repeat it.",
            )
        )
        position = await writer.flush()
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: turn_ended(
                now,
                session_id=session.id,
                message_id=message_id,
                stop_reason="interrupted",
                transcript_version=position,
            ),
            report_id=f"{message_id}/interrupted",
        )
        log.info("turn interrupted", extra={"session_id": session.id, "message_id": message_id})

    async def _was_said(self, session: Session, message_id: MessageId) -> bool:
        history = await self._store.load(
            subject_of("transcript", session.id), after=session.turn_position
        )
        return any(
            entry.message_id == message_id and entry.sender == "user"
            for recorded in history
            if is_readable(recorded)
            for event in recorded.commit.events
            if isinstance(event, EntriesAppended)
            for entry in event.entries
        )

    async def _text_of(self, task_id: TaskId, message_id: MessageId) -> str:
        for recorded in filter(is_readable, await self._store.load(subject_of("task", task_id))):
            for event in recorded.commit.events:
                if isinstance(event, MessageQueued) and event.message_id == message_id:
                    return event.text
        return ""
