"""The worker of one host: it is told of work by the log, takes jobs, drives sessions, and goes on where it was cut."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial

from commands.directory import Directory
from events.agent_session import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
)
from events.codec import Undecodable
from events.commit import Recorded
from events.ids import BEGINNING, JobId, Position, RepositoryId, TaskId
from events.job import JobAnnounced, JobCancelRequested, JobRetryRequested
from events.log import LogCut, PoisonSkipped
from events.process import ProcessInput, ProcessRequested, ProcessStopRequested
from events.repository import RepositorySynced
from events.store import EventStore, kind_of
from events.task import IssueRaised, TaskProvisioned
from runtime.errors import FoundryError
from runtime.lifecycle import Gate
from runtime.pulse import Pulse
from workflows.agent_pool import AgentPool
from workflows.announcements import Announcement, Announcements
from workflows.file_capture import FileCapture
from workflows.host_watch import AWAY, HostWatch
from workflows.job_lanes import JobLanes
from workflows.job_sweep import JobSweep
from workflows.leftovers import Leftovers
from workflows.once_answered import once_answered
from workflows.placement import Place, Placement
from workflows.presence import Presence
from workflows.sessions import Sessions
from workflows.task_processes import TaskProcesses

log = logging.getLogger(__name__)

SESSION_WORK = (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
    TaskProvisioned,
)

ROUND_SECONDS = 120.0
"""Much longer than it takes to look at what one commit told."""

Hints = Callable[[], AsyncGenerator[Sequence[Recorded], None]]


class _BegunAnew(Exception):
    """Everything this worker has in hand is of a log that is not there any more."""


class Worker:
    """Hears of work in two ways, and either may miss some: the histories say what there is to do.

    The tail of the log, which every worker follows, tells of what belongs to this host: sessions,
    cancellations, jobs on its sandboxes. The shared hints tell one worker of all of each job that
    anybody can do. What neither brought to anybody is found by the sweep.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        hints: Hints,
        renew_hints: Callable[[], Awaitable[None]],
        directory: Directory,
        lanes: JobLanes,
        announcements: Announcements,
        placement: Placement,
        sweep: JobSweep,
        presence: Presence,
        hosts: HostWatch,
        leftovers: Leftovers,
        sessions: Sessions,
        processes: TaskProcesses,
        files: FileCapture,
        agents: AgentPool,
        host: str,
        gate: Gate,
    ) -> None:
        self._store = store
        self._hints = hints
        self._renew_hints = renew_hints
        self._directory = directory
        self._lanes = lanes
        self._announcements = announcements
        self._placement = placement
        self._sweep = sweep
        self._presence = presence
        self._hosts = hosts
        self._leftovers = leftovers
        self._sessions = sessions
        self._processes = processes
        self._files = files
        self._agents = agents
        self._host = host
        self._gate = gate
        self._checkpoint = BEGINNING
        # What the tail told of and nobody has looked at yet: a few words for each job that is announced.
        self._told: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._cut = asyncio.Event()
        self._looking = Pulse("jobs of this host", within=ROUND_SECONDS)
        self._hinted = Pulse("jobs of any host", within=ROUND_SECONDS)
        self.recovered = False
        """Whether what an earlier process left has been taken up."""

    @property
    def pulses(self) -> Sequence[Pulse]:
        """Loops without which work lies about."""
        return (
            self._looking,
            self._hinted,
            self._sweep.pulse,
            self._sessions.pulse,
            self._processes.pulse,
        )

    # --- The tail of the log ---

    @property
    def checkpoint(self) -> Position:
        return self._checkpoint

    async def start(self) -> None:
        """Begin at the end of the log: what is older is found through the directory by `run`."""
        self._checkpoint = await self._store.head()

    async def begin_anew(self) -> None:
        """The log lost its end: let go of all that is being done, and go by the histories again as after a start."""
        await self._renew_hints()
        await self.start()
        self.recovered = False
        self._cut.set()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Note what new commits tell. Does no work itself, so that nobody waits for it."""
        for recorded in batch:
            if recorded.position <= self._checkpoint:
                continue
            self._checkpoint = recorded.position
            if kind_of(recorded.subject) == "transcript":
                continue
            try:
                self._note(recorded)
            except Undecodable:
                log.error("commit cannot be read", extra={"position": recorded.position})

    def _note(self, recorded: Recorded) -> None:
        for job in _jobs_of(recorded):
            self._told.put_nowait(partial(self._offer, job, only="here"))
        for event in recorded.commit.events:
            match event:
                case JobCancelRequested():
                    self._lanes.cancel(event.job_id)
                case JobAnnounced(task_id=task_id) if task_id is not None:
                    self._hosts.touched(task_id)
                case RepositorySynced(repository_id=repository_id):
                    self._told.put_nowait(partial(self._look_at_files, repository_id))
                case PoisonSkipped(kind="task", aggregate_id=id):
                    self._told.put_nowait(partial(self._take_up_here, TaskId(id)))
                case LogCut():
                    # Others noticed. What this worker knows of the lost end it knows from its own reports.
                    self._told.put_nowait(self.begin_anew)
                case IssueRaised(code=code) if code == AWAY:
                    self._told.put_nowait(partial(self._hosts.is_back, event.task_id))
                case _ if isinstance(event, SESSION_WORK):
                    self._sessions.wake(event.task_id)
                    self._hosts.touched(event.task_id)
                case ProcessRequested() | ProcessInput() | ProcessStopRequested():
                    self._processes.wake(event.task_id)
                case _:
                    pass

    # --- Working ---

    async def run(self) -> None:
        """Take up what was left, then serve until cancelled."""
        async with self._presence.listening():
            while True:
                self._cut.clear()
                try:
                    await self._serve()
                except* _BegunAnew:
                    log.warning("worker begins anew", extra={"host": self._host})
                    await self._agents.close()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until_cut(), name="log cut")
            group.create_task(self._presence.run(), name="presence")
            group.create_task(self._sessions.run(), name="sessions")
            group.create_task(self._processes.run(), name="processes")
            group.create_task(self._files.run(), name="file captures")
            group.create_task(self._agents.sweep(), name="idle agents")
            await self._recover()
            group.create_task(self._lanes.run(), name="job lanes")
            group.create_task(self._look_at_told(), name="jobs of this host")
            group.create_task(self._follow_hints(), name="jobs of any host")
            group.create_task(self._sweep.run(), name="job sweep")
            group.create_task(self._leftovers.clean(), name="leftovers")

    async def _until_cut(self) -> None:
        await self._cut.wait()
        raise _BegunAnew

    async def drain(self, deadline: float) -> None:
        """Take no more work, give running work until `deadline`, then leave it to others or to the next start."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._gate.drain(deadline), name="drain jobs and sessions")
            parts.create_task(self._processes.close(deadline), name="end processes")
        await self._agents.close()
        await self._presence.leave()

    async def _recover(self) -> None:
        """Turns that were cut end as interrupted; open jobs go on at their first unfinished stage."""
        # As long as a long log takes; a reader that stands still is liveness's to notice.
        await self._directory.reached(await once_answered(self._store.head), within=None)
        for task_id in await self._directory.tasks_on(self._host):
            try:
                await self._take_up(task_id)
            except FoundryError as error:
                # A history that cannot be read keeps its own task waiting, and nobody else's.
                log.error(
                    "task is left as it is", extra={"task_id": task_id, "reason": error.detail}
                )
        await once_answered(self._sweep.recover)
        self.recovered = True
        log.info("worker ready", extra={"host": self._host, "jobs": len(self._lanes)})

    async def _take_up(self, task_id: TaskId) -> None:
        await self._sessions.interrupt(task_id)
        await self._hosts.is_back(task_id)
        self._sessions.wake(task_id)
        await self._processes.recover(task_id)
        self._processes.wake(task_id)
        self._files.request(task_id)

    async def _take_up_here(self, task_id: TaskId) -> None:
        """Go on with a task whose history can be read again, if it is ours."""
        if task_id in await self._directory.tasks_on(self._host):
            await self._take_up(task_id)

    async def _look_at_told(self) -> None:
        while True:
            look = await self._told.get()
            try:
                with self._looking.round():
                    await look()
            except FoundryError as error:
                log.warning("left to the sweep", extra={"reason": error.detail})

    async def _look_at_files(self, repository_id: RepositoryId) -> None:
        """Somebody asked for a fresh look at the repository: the working trees of it here are part of that."""
        here = set(await self._directory.tasks_on(self._host))
        for task_id in await self._directory.tasks_of(repository_id):
            if task_id in here:
                self._files.request(task_id)

    async def _follow_hints(self) -> None:
        """Ask for hints while there is room for more jobs; each is acknowledged when it is here."""
        async with aclosing(self._hints()) as batches:
            async for batch in batches:
                for recorded in batch:
                    with self._hinted.round():
                        await self._take_hint(recorded)
                await self._lanes.room()

    async def _take_hint(self, recorded: Recorded) -> None:
        if kind_of(recorded.subject) == "transcript":
            return
        try:
            for job in _jobs_of(recorded):
                await self._offer(job, only="anywhere")
        except Undecodable:
            log.error("commit cannot be read", extra={"position": recorded.position})
        except FoundryError as error:
            log.warning("left to the sweep", extra={"reason": error.detail})

    async def _offer(self, job: Announcement | JobId, *, only: Place) -> None:
        """Take a job if it belongs there: so the two ways of hearing of it never both do."""
        announcement = (
            job if isinstance(job, Announcement) else await self._announcements.of_begun_job(job)
        )
        if announcement is not None and await self._placement.of(announcement.event) == only:
            self._lanes.want(announcement)


def _jobs_of(recorded: Recorded) -> Iterator[Announcement | JobId]:
    """The jobs a commit asks to be done. Raises `Undecodable`."""
    commit = recorded.commit
    for event in commit.events:
        if isinstance(event, JobAnnounced):
            yield Announcement(event=event, at=commit.at, correlation_id=commit.correlation_id)
        elif isinstance(event, JobRetryRequested):
            yield event.job_id
