"""The agent processes alive on this host: one per session, started when needed, ended when idle or too many."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from commands.task_state import Session, Task
from events.ids import SessionId, Timestamp
from runtime.errors import Rejected, Unavailable
from runtime.keyed_locks import KeyedLocks
from runtime.metrics import AGENTS_RUNNING
from workflows.acp_agent import CLOSE_SECONDS, AgentProcess
from workflows.agent_errors import AgentFailed, NotTakenUp
from workflows.agent_launcher import AgentLauncher
from workflows.agent_names import AgentNames
from workflows.id_paths import place_of
from workflows.sandbox import provider_named
from workflows.task_sandbox import sandbox_of

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
SWEEP_SECONDS = 30.0
LAST_SECONDS = 0.5


@dataclass(eq=False)
class _Live:
    agent: AgentProcess
    used_at: float
    users: int = 0
    model: str | None = None


class AgentPool:
    """`limit` bounds how many processes live at once; the one idle longest makes room for the next."""

    def __init__(
        self,
        *,
        launchers: Mapping[str, AgentLauncher],
        log_folder: Path,
        names: AgentNames,
        now: Callable[[], Timestamp],
        limit: int,
    ) -> None:
        self._launchers = launchers
        self._log_folder = log_folder
        self._now = now
        self._live: dict[SessionId, _Live] = {}
        self._names = names
        self._missing: dict[SessionId, str] = {}
        self._locks = KeyedLocks()
        self._places = limit
        self._changed = asyncio.Event()
        # One that died by itself stays here until it is asked for again, or has been idle for long.
        AGENTS_RUNNING.set_function(lambda: sum(live.agent.alive for live in self._live.values()))

    async def find(self, provider: str, agent: str) -> str:
        """The program that is started for an agent there. Raises `Rejected` with the way out when there is none."""
        return await self._launcher(provider).find(agent)

    def has(self, session_id: SessionId) -> bool:
        return session_id in self._live

    async def get(
        self,
        task: Task,
        session: Session,
        *,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> AgentProcess:
        """The session's agent, started if need be. Raises `AgentDied` or `AgentFailed`.

        It is `waiting` while all places are taken by agents at work, which may be for long.
        """
        async with self._locks.of(session.id):
            live = self._live.get(session.id)
            if live is not None and not live.agent.alive:
                await self._end(session.id)
                live = None
            if live is None:
                with waiting():
                    await self._make_room()
                live = await self._start(task, session)
            if session.model and session.model != live.model:
                # Somebody who looks for a place would take it for idle.
                with self.in_use(session.id):
                    await self._choose_model(live.agent, session, session.model)
                live.model = session.model
            live.used_at = asyncio.get_running_loop().time()
            return live.agent

    @contextmanager
    def in_use(self, session_id: SessionId) -> Iterator[None]:
        """Keep the session's agent alive meanwhile."""
        live = self._live.get(session_id)
        if live is None:
            yield
            return
        live.users += 1
        try:
            yield
        finally:
            live.users -= 1
            live.used_at = asyncio.get_running_loop().time()
            self._changed.set()

    async def end(self, session_id: SessionId) -> None:
        """End the session's agent; its name for the session is forgotten too."""
        async with self._locks.of(session_id):
            await self._end(session_id)
        self._names.forget(session_id)
        self._missing.pop(session_id, None)

    async def sweep(self) -> None:
        """End agents that have been idle for a while, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            before = asyncio.get_running_loop().time() - IDLE_SECONDS
            # Looked at anew after each: while one ends, others may be taken into use or end too.
            while (idle := self._idle()) and self._live[idle[0]].used_at < before:
                await self._end(idle[0])

    async def close(self) -> None:
        """End all agents without much patience: a node that stops has only moments left."""
        await asyncio.gather(
            *(self._end(session_id, patience=LAST_SECONDS) for session_id in list(self._live))
        )

    def _launcher(self, provider: str) -> AgentLauncher:
        return provider_named(provider, self._launchers)

    def _idle(self) -> list[SessionId]:
        """The sessions whose agents nobody uses, the one idle longest first."""
        idle = [session_id for session_id, live in self._live.items() if live.users == 0]
        return sorted(idle, key=lambda session_id: self._live[session_id].used_at)

    async def _make_room(self) -> None:
        """Take a place; when there is none, that of an agent nobody uses, as soon as there is one."""
        while self._places == 0:
            if idle := self._idle():
                await self._end(idle[0])
            else:
                log.info("agent waits for a place")
                self._changed.clear()
                await self._changed.wait()
        self._places -= 1

    def _give_back(self) -> None:
        self._places += 1
        self._changed.set()

    async def _start(self, task: Task, session: Session) -> _Live:
        assert task.sandbox is not None
        try:
            running = await self._launcher(task.sandbox.provider).start(
                sandbox_of(task), session.agent
            )
            agent = await AgentProcess.start(
                running,
                cwd=Path(task.sandbox.path),
                now=self._now,
                log=place_of(self._log_folder, session.id, "ses").with_suffix(".stderr"),
                resume=self._name_of(session),
            )
        except BaseException as error:
            self._give_back()
            if isinstance(error, NotTakenUp):
                # Asked again it would end again: the next attempt begins anew.
                self._names.keep(session.id, "")
            if isinstance(error, (Rejected, Unavailable)):
                raise AgentFailed(error.detail) from None
            if isinstance(error, OSError):
                raise AgentFailed(f"The agent could not be started: {error.strerror}.") from None
            raise
        live = _Live(agent=agent, used_at=asyncio.get_running_loop().time())
        self._live[session.id] = live
        self._names.keep(session.id, agent.session_id)
        log.info("agent started", extra={"session_id": session.id, "agent": session.agent})
        return live

    async def _choose_model(self, agent: AgentProcess, session: Session, model: str) -> None:
        if await agent.choose_model(model):
            self._missing.pop(session.id, None)
        elif self._missing.get(session.id) != model or not session.turn_position:
            # Once, and not of each process of the session. What is said before the first turn may go with its process.
            self._missing[session.id] = model
            await agent.note_missing(model)

    def _name_of(self, session: Session) -> str | None:
        """What the agent calls the session; None if nothing was said in it yet, which many agents cannot take up.

        Where that is lost, its name here: an agent that remembers nothing takes up any, others refuse
        it and begin anew.
        """
        if not session.turn_position:
            return None
        name = self._names.of(session.id)
        return session.id if name is None else name

    async def _end(self, session_id: SessionId, *, patience: float = CLOSE_SECONDS) -> None:
        live = self._live.pop(session_id, None)
        if live is None:
            return
        try:
            await live.agent.close(patience=patience)
        finally:
            self._give_back()
