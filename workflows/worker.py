"""The worker of one host: it follows the log for work, takes jobs, drives sessions, and goes on where it was cut."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from commands.aggregates import Aggregates
from commands.directory import Directory
from commands.job import JOB
from commands.job_state import Job
from commands.task import TASK
from commands.task_state import Task
from events.codec import Undecodable
from events.commit import Recorded
from events.ids import BEGINNING, JobId, Position, Timestamp
from events.job import (
    JobAnnounced,
    JobCancelRequested,
    JobRetryRequested,
)
from events.store import EventStore, kind_of, subject_of
from events.task import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
    ProcessInput,
    ProcessRequested,
    ProcessStopRequested,
    TaskProvisioned,
)
from runtime.errors import FoundryError
from runtime.lifecycle import Gate
from runtime.logs import log_fields
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.job_runner import Announcement, JobRunner, NotOurs, RetryLater
from workflows.sessions import Sessions
from workflows.task_processes import TaskProcesses

log = logging.getLogger(__name__)

LANES = 6
RETRY_SECONDS = 1.0
DEFECT_SECONDS = 30.0

SESSION_WORK = (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionStopRequested,
    MessageQueued,
    PermissionAnswered,
    TaskProvisioned,
)


class Worker:
    """A `Follower`: the log only hints at work, the histories of jobs and tasks say what there is to do."""

    def __init__(
        self,
        *,
        store: EventStore,
        aggregates: Aggregates,
        directory: Directory,
        runner: JobRunner,
        sessions: Sessions,
        processes: TaskProcesses,
        files: FileCapture,
        agents: AgentPool,
        host: str,
        now: Callable[[], Timestamp],
        gate: Gate,
    ) -> None:
        self._store = store
        self._aggregates = aggregates
        self._directory = directory
        self._runner = runner
        self._sessions = sessions
        self._processes = processes
        self._files = files
        self._agents = agents
        self._host = host
        self._now = now
        self._gate = gate
        self._checkpoint = BEGINNING
        # Ids of open jobs only: what waits here is bounded by what is open in the log.
        self._wanted: asyncio.Queue[JobId] = asyncio.Queue()
        self._urgent: asyncio.Queue[JobId] = asyncio.Queue()
        self._announced: dict[JobId, Announcement] = {}
        self._running: dict[JobId, asyncio.Task[None]] = {}
        self._cancelled: set[JobId] = set()
        self.recovered = False
        """Whether what an earlier process left has been taken up."""

    # --- Following the log ---

    @property
    def checkpoint(self) -> Position:
        return self._checkpoint

    async def start(self) -> None:
        """Begin at the end of the log: what is older is found through the directory by `run`."""
        self._checkpoint = await self._store.head()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Take the hints of new commits. Does no work itself, so that nobody waits for it."""
        for recorded in batch:
            if recorded.position <= self._checkpoint:
                continue
            self._checkpoint = recorded.position
            if kind_of(recorded.subject) == "transcript":
                continue
            try:
                self._take_hints(recorded)
            except Undecodable:
                log.error("commit cannot be read", extra={"position": recorded.position})

    def _take_hints(self, recorded: Recorded) -> None:
        commit = recorded.commit
        for event in commit.events:
            match event:
                case JobAnnounced():
                    self._want(
                        Announcement(
                            event=event, at=commit.at, correlation_id=commit.correlation_id
                        )
                    )
                case JobCancelRequested():
                    self._cancel(event.job_id)
                case JobRetryRequested():
                    self._wanted.put_nowait(event.job_id)
                case _ if isinstance(event, SESSION_WORK):
                    self._sessions.wake(event.task_id)
                case ProcessRequested() | ProcessInput() | ProcessStopRequested():
                    self._processes.wake(event.task_id)
                case _:
                    pass

    # --- Working ---

    async def run(self) -> None:
        """Take up what was left, then serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sessions.run(), name="sessions")
            group.create_task(self._processes.run(), name="processes")
            group.create_task(self._files.run(), name="file captures")
            group.create_task(self._agents.sweep(), name="idle agents")
            await self._recover()
            # A lane of their own: jobs in the other lanes may wait for a cancellation.
            group.create_task(self._serve(self._urgent), name="cancellations")
            for lane in range(LANES):
                group.create_task(self._serve(self._wanted), name=f"job lane {lane}")

    async def drain(self, deadline: float) -> None:
        """Take no more work, give running work until `deadline`, then leave it to the next start."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._gate.drain(deadline), name="drain jobs and sessions")
            parts.create_task(self._processes.close(deadline), name="end processes")
        await self._agents.close()

    async def _recover(self) -> None:
        """Turns that were cut end as interrupted; open jobs go on at their first unfinished stage."""
        await self._directory.reached(await self._store.head(), within=60)
        for task_id in await self._directory.tasks_on(self._host):
            await self._sessions.interrupt(task_id)
            self._sessions.wake(task_id)
            await self._processes.recover(task_id)
            self._processes.wake(task_id)
            self._files.request(task_id)
        for job in await self._directory.open_jobs():
            if job.job_id not in self._announced:
                await self._find(job.job_id, job.announced_in, job.announced_by, job.announced_at)
        self.recovered = True
        log.info("worker ready", extra={"host": self._host, "jobs": self._wanted.qsize()})

    async def _find(
        self, job_id: JobId, kind: str, aggregate_id: str, announced_at: Position
    ) -> None:
        recorded = await self._store.at(announced_at)
        if recorded is None or recorded.subject != subject_of(kind, aggregate_id):
            log.error("announcement is not where it was", extra={"job_id": job_id})
            return
        for event in recorded.commit.events:
            if isinstance(event, JobAnnounced) and event.job_id == job_id:
                self._want(
                    Announcement(
                        event=event,
                        at=recorded.commit.at,
                        correlation_id=recorded.commit.correlation_id,
                    )
                )

    def _want(self, announcement: Announcement) -> None:
        self._announced[announcement.event.job_id] = announcement
        self._wanted.put_nowait(announcement.event.job_id)

    def _cancel(self, job_id: JobId) -> None:
        running = self._running.get(job_id)
        if running is not None:
            self._cancelled.add(job_id)
            running.cancel()
        else:
            # It waits for a lane or for its next attempt: the claim finds the request and ends it.
            self._urgent.put_nowait(job_id)

    async def _serve(self, jobs: asyncio.Queue[JobId]) -> None:
        """One lane: one job after the other."""
        while True:
            job_id = await jobs.get()
            if job_id in self._running or self._gate.draining:
                continue
            work = asyncio.create_task(self._work(job_id), name=f"job {job_id}")
            self._running[job_id] = work
            try:
                await asyncio.wait([work])
            finally:
                work.cancel()
                del self._running[job_id]

    async def _work(self, job_id: JobId) -> None:
        again_in: float | None = None
        with log_fields(job_id=job_id):
            try:
                async with self._gate.work("job"):
                    again_in = await self._run(job_id)
            except FoundryError as error:
                log.warning("job waits", extra={"reason": error.detail})
                again_in = RETRY_SECONDS
            except Exception:
                log.exception("job failed in the worker itself")
                again_in = DEFECT_SECONDS
        if again_in is None:
            self._announced.pop(job_id, None)
        else:
            asyncio.get_running_loop().call_later(again_in, self._wanted.put_nowait, job_id)

    async def _run(self, job_id: JobId) -> float | None:
        """Run a job as far as it goes; the seconds after which to look at it again, None for never."""
        announcement = self._announced.get(job_id) or await self._from_history(job_id)
        if announcement is None or not await self._is_for_this_host(announcement):
            return None
        self._announced[job_id] = announcement
        try:
            await self._runner.run(announcement)
        except NotOurs as reason:
            log.info("job left alone", extra={"reason": str(reason)})
        except RetryLater as later:
            return max(0.0, (later.at - self._now()) / 1000)
        except asyncio.CancelledError:
            if job_id not in self._cancelled:
                raise
            self._cancelled.discard(job_id)
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            await self._runner.cancelled(announcement)
        return None

    async def _from_history(self, job_id: JobId) -> Announcement | None:
        """What was announced, from the job's own first commit: a retry may come long after it ended."""
        job = (await self._aggregates.load(JOB, job_id)).state
        if not isinstance(job, Job):
            return None
        first = await self._store.load(subject_of(JOB.name, job_id))
        return Announcement(
            event=JobAnnounced(
                job_id=job.job_id,
                kind=job.kind,
                organization_id=job.organization_id,
                repository_id=job.repository_id,
                task_id=job.task_id,
                input=job.input,
            ),
            at=job.announced_at,
            correlation_id=first[0].commit.correlation_id,
        )

    async def _is_for_this_host(self, announcement: Announcement) -> bool:
        """Work on a sandbox belongs to the host that has it, everything else to anybody."""
        if announcement.event.task_id is None:
            return True
        task = (await self._aggregates.load(TASK, announcement.event.task_id)).state
        return not isinstance(task, Task) or task.sandbox is None or task.sandbox.host == self._host
