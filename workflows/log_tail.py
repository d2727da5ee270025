"""The end of the log as this worker hears it: what a commit tells is noted at once and looked at in turn."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from events.agent_session import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
)
from events.codec import Undecodable
from events.commit import Recorded
from events.ids import BEGINNING, JobId, Position, TaskId
from events.job import JobAnnounced, JobCancelRequested
from events.log import LogCut, PoisonSkipped
from events.process import ProcessInput, ProcessRequested, ProcessStopRequested
from events.repository import RepositorySynced
from events.store import EventStore
from events.task import IssueRaised, TaskArchived, TaskKilled, TaskProvisioned
from runtime.errors import FoundryError, Unavailable
from runtime.pulse import Pulse
from workflows.announcements import Announcement
from workflows.host_tasks import HostTasks
from workflows.host_watch import AWAY, HostWatch
from workflows.job_hints import JobHints
from workflows.job_lanes import JobLanes
from workflows.job_offers import JobOffers, jobs_of
from workflows.leftovers import Leftovers
from workflows.once_answered import once_answered
from workflows.sessions import Sessions
from workflows.task_processes import TaskProcesses
from workflows.woken_tasks import ROUND_SECONDS

log = logging.getLogger(__name__)

SESSION_WORK = (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
    TaskProvisioned,
)

TOLD = 10_000
"""At most this many things wait to be looked at; jobs beyond that are left to the sweep."""

AGAIN_SECONDS = 1.0

Look = Callable[[], Awaitable[None]]


class LogTail:
    """Tells of what belongs to this host: sessions, cancellations, jobs on its sandboxes.

    Each thing waits once to be looked at: tasks and repositories are as many as there are, and jobs
    no more than `TOLD`.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        hints: JobHints,
        offers: JobOffers,
        lanes: JobLanes,
        tasks: HostTasks,
        hosts: HostWatch,
        sessions: Sessions,
        processes: TaskProcesses,
        leftovers: Leftovers,
    ) -> None:
        self._store = store
        self._hints = hints
        self._offers = offers
        self._lanes = lanes
        self._tasks = tasks
        self._hosts = hosts
        self._sessions = sessions
        self._processes = processes
        self._leftovers = leftovers
        self._checkpoint = BEGINNING
        self._told: dict[tuple[str, str], Look] = {}
        self._news = asyncio.Event()
        self.cut = asyncio.Event()
        """Set when the log lost its end: all that is in hand is of a log that no longer exists."""
        self.pulse = Pulse("jobs of this host", within=ROUND_SECONDS)

    def __len__(self) -> int:
        """How much waits to be looked at."""
        return len(self._told)

    @property
    def checkpoint(self) -> Position:
        return self._checkpoint

    async def start(self) -> None:
        """Begin at the end of the log: what is older is found through the directory, also what was told and waits."""
        self._checkpoint = await self._store.head()
        self._told.clear()

    async def begin_anew(self) -> None:
        """The log lost its end: begin at the one it has now, and say so."""
        await self._hints.renew()
        await self.start()
        self.cut.set()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Note what new commits tell. Does no work itself, so that nobody waits for it."""
        for recorded in batch:
            if recorded.position <= self._checkpoint:
                continue
            self._checkpoint = recorded.position
            if recorded.kind == "transcript":
                continue
            try:
                self._note(recorded)
            except Undecodable:
                log.error("commit cannot be read", extra={"position": recorded.position})

    async def run(self) -> None:
        """Look at what was told, one after the other, until cancelled."""
        while True:
            look = await self._next()
            try:
                with self.pulse.round():
                    await look()
            except FoundryError as error:
                log.warning("left to the sweep", extra={"reason": error.detail})

    async def _next(self) -> Look:
        while not self._told:
            self._news.clear()
            await self._news.wait()
        return self._told.pop(next(iter(self._told)))

    def _note(self, recorded: Recorded) -> None:
        for job in jobs_of(recorded):
            self._note_job(job)
        for event in recorded.commit.events:
            match event:
                case JobCancelRequested():
                    self._lanes.cancel(event.job_id)
                case JobAnnounced(task_id=task_id) if task_id is not None:
                    self._hosts.touched(task_id)
                case RepositorySynced(repository_id=id):
                    self._look_later("files", id, partial(self._tasks.look_at_files, id))
                case PoisonSkipped(kind="task", aggregate_id=id):
                    self._look_for_sure("task", id, partial(self._tasks.take_up, TaskId(id)))
                case LogCut(mark=mark):
                    # Others noticed. What this worker knows of the lost end it knows from its own reports.
                    self._look_later("cut", mark, partial(once_answered, self.begin_anew))
                case IssueRaised(code=code, task_id=id) if code == AWAY:
                    self._look_for_sure("away", id, partial(self._hosts.is_back, id))
                case TaskArchived() | TaskKilled():
                    self._leftovers.put_away(event.task_id)
                case _ if isinstance(event, SESSION_WORK):
                    self._sessions.wake(event.task_id)
                    self._hosts.touched(event.task_id)
                case ProcessRequested() | ProcessInput() | ProcessStopRequested():
                    self._processes.wake(event.task_id)
                case _:
                    pass

    def _note_job(self, job: Announcement | JobId) -> None:
        job_id = job.event.job_id if isinstance(job, Announcement) else job
        if len(self._told) < TOLD:
            self._look_later("job", job_id, partial(self._offers.offer, job, only="here"))
        else:
            log.warning("left to the sweep", extra={"job_id": job_id, "reason": "too much is told"})

    def _look_later(self, kind: str, id: str, look: Look) -> None:
        self._told[kind, id] = look
        self._news.set()

    def _look_for_sure(self, kind: str, id: str, look: Look) -> None:
        """Look at something the sweep does not know of: again and again while the log does not answer."""

        async def attempt() -> None:
            try:
                await look()
            except Unavailable as error:
                if error.code == "unreadable":
                    raise
                log.warning("looked at again soon", extra={"reason": error.detail})
                loop = asyncio.get_running_loop()
                loop.call_later(AGAIN_SECONDS, self._look_for_sure, kind, id, look)

        self._look_later(kind, id, attempt)
