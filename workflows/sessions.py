"""Drives the agent sessions of the tasks whose sandbox is on this host: opens them, hands over messages, ends them."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial

from commands.aggregates import Aggregates
from commands.session_reports import session_failed, session_ready
from commands.task import TASK
from commands.task_state import Session, Task
from events.ids import SessionId, TaskId, Timestamp
from events.store import EventStore
from runtime.errors import Unavailable
from runtime.lifecycle import Gate
from runtime.logs import log_fields
from runtime.pulse import Pulse
from workflows.acp_agent import AgentProcess
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.interrupted_turns import InterruptedTurns
from workflows.job_kind import Retry
from workflows.session_step import CancelTurn, Deliver, EndAgent, OpenSession, next_step
from workflows.steady_reports import SteadyReports
from workflows.turn import Turn
from workflows.woken_tasks import WokenTasks

log = logging.getLogger(__name__)

END_SECONDS = 15.0

START = Retry()
"""An agent that cannot be started now may be in a moment: it is tried as often as a stage of a job."""


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
        self._interrupted = InterruptedTurns(reports=reports, store=store, now=now)
        self._agents = agents
        self._files = files
        self._worker = worker
        self._now = now
        self._woken = WokenTasks("sessions", aggregates, host=host)
        self._busy: dict[SessionId, asyncio.Task[None]] = {}
        self._starting: set[SessionId] = set()
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

    async def interrupt(self, task_id: TaskId) -> None:
        """After a start: end the turns that an earlier process of this host left running, never repeat them."""
        task = await self._woken.task(task_id)
        for session in task.sessions.values() if task else ():
            if task is not None and session.running is not None and session.id not in self._turns:
                await self._interrupted.end(task, session, session.running)

    async def end_task(self, task_id: TaskId) -> None:
        """Stop the turns of a task and end its agents, because its sandbox goes away."""
        task = await self._woken.task(task_id)
        if task is None:
            return
        for session_id in task.sessions:
            turn, working = self._turns.get(session_id), self._busy.get(session_id)
            stopping = asyncio.create_task(turn.cancel()) if turn else None
            if working is not None:
                if session_id in self._starting:
                    # It may wait for a place until others end their turns, and nobody needs its agent now.
                    working.cancel()
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
        if self._gate.draining:
            # What runs may be answered and stopped up to its end; nothing is begun any more.
            return
        if isinstance(step, EndAgent) and session.id in self._starting:
            # Nobody needs the agent any more. Told once: it may take a moment to end what was begun.
            self._starting.discard(session.id)
            self._busy[session.id].cancel()
        if step is None or session.id in self._busy:
            return
        work: Callable[[], Awaitable[None]]
        match step:
            case OpenSession():
                work = partial(self._open, task, session)
                self._starting.add(session.id)
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
                work = partial(self._run_turn, task, session, turn)
                self._starting.add(session.id)
            case EndAgent():
                if not self._agents.has(session.id):
                    return
                work = partial(self._agents.end, session.id)
        working = self._busy[session.id] = group.create_task(
            self._guarded(task.task_id, session.id, work), name=f"session {session.id}"
        )
        working.add_done_callback(partial(self._left, task.task_id, session.id))

    def _left(self, task_id: TaskId, session_id: SessionId, _: object) -> None:
        """Called at the end of a session's work, also of work that was cancelled before it began."""
        del self._busy[session_id]
        self._starting.discard(session_id)
        self.wake(task_id)

    async def _guarded(
        self, task_id: TaskId, session_id: SessionId, work: Callable[[], Awaitable[None]]
    ) -> None:
        """One session's failure is its own: it ends in a state that says so, and the others go on."""
        with log_fields(task_id=task_id, session_id=session_id):
            try:
                async with self._gate.work("session"):
                    await work()
            except Exception as error:
                # While the gate drains the next start finds what is left to do.
                if not (self._gate.draining and isinstance(error, Unavailable)):
                    log.exception("session work failed")
                    await self._fail(task_id, session_id, f"The worker failed: {error}")

    async def _cancel(self, session_id: SessionId, turn: Turn) -> None:
        with log_fields(session_id=session_id):
            try:
                await turn.cancel()
            except Exception:
                # The turn goes on or has ended; whoever asked may ask again.
                log.exception("turn could not be cancelled")

    async def _agent(self, task: Task, session: Session) -> AgentProcess | None:
        """The session's agent; None when it cannot be had, which the session says until somebody writes to it again."""
        failures = 0
        while True:
            try:
                agent = await self._agents.get(task, session)
            except (AgentDied, AgentFailed) as error:
                failures += 1
                log.warning(
                    "agent could not be had", extra={"attempt": failures, "reason": str(error)}
                )
                if failures == START.attempts:
                    await self._fail(task.task_id, session.id, str(error))
                    return None
            else:
                self._starting.discard(session.id)
                return agent
            await asyncio.sleep(START.delay(failures))

    async def _open(self, task: Task, session: Session) -> None:
        if await self._agent(task, session) is None:
            return
        await self._reports.report(
            TASK,
            task.task_id,
            lambda now: session_ready(now, session_id=session.id),
            # Fresh each time: a session that failed is opened anew.
            report_id=f"{self._worker}/{session.id}/ready/{secrets.token_hex(6)}",
        )

    async def _run_turn(self, task: Task, session: Session, turn: Turn) -> None:
        agent = await self._agent(task, session)
        if agent is None:
            return
        self._turns[session.id] = turn
        try:
            with self._agents.in_use(session.id), self._files.watch.during(task.task_id):
                await turn.run(agent)
        finally:
            del self._turns[session.id]
        self._files.request(task.task_id)

    async def _fail(self, task_id: TaskId, session_id: SessionId, message: str) -> None:
        try:
            await self._reports.report(
                TASK,
                task_id,
                lambda task: session_failed(task, session_id=session_id, message=message),
                report_id=f"{self._worker}/{session_id}/failed/{secrets.token_hex(6)}",
            )
            # If it failed because the sandbox is gone, the capture says so.
            self._files.request(task_id)
        except Unavailable as error:
            log.error("session's failure cannot be told", extra={"reason": error.detail})
