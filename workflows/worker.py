"""The worker of one host: it is told of work by the log, takes jobs, drives sessions, and goes on where it was cut."""

import asyncio
import logging
from collections.abc import Sequence

from commands.directory import Directory
from events.store import EventStore
from runtime.lifecycle import Gate
from runtime.pulse import Pulse
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.host_tasks import HostTasks
from workflows.job_hints import JobHints
from workflows.job_lanes import JobLanes
from workflows.job_sweep import JobSweep
from workflows.leftovers import Leftovers
from workflows.log_tail import LogTail
from workflows.once_answered import once_answered
from workflows.presence import Presence
from workflows.sessions import Sessions
from workflows.task_processes import TaskProcesses

log = logging.getLogger(__name__)


class _BegunAnew(Exception):
    """Everything this worker has in hand is of a log that is not there any more."""


class Worker:
    """Hears of work in two ways, and either may miss some: the histories say what there is to do.

    The tail of the log, which every worker follows, tells of what belongs to this host. The shared
    hints tell one worker of all of each job that anybody can do. What neither brought to anybody is
    found by the sweep.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        directory: Directory,
        tail: LogTail,
        hints: JobHints,
        sweep: JobSweep,
        lanes: JobLanes,
        tasks: HostTasks,
        sessions: Sessions,
        processes: TaskProcesses,
        files: FileCapture,
        agents: AgentPool,
        presence: Presence,
        leftovers: Leftovers,
        host: str,
        gate: Gate,
    ) -> None:
        self.tail = tail
        """For the feed of the log."""
        self._store = store
        self._directory = directory
        self._hints = hints
        self._sweep = sweep
        self._lanes = lanes
        self._tasks = tasks
        self._sessions = sessions
        self._processes = processes
        self._files = files
        self._agents = agents
        self._presence = presence
        self._leftovers = leftovers
        self._host = host
        self._gate = gate
        self._recovered = False

    @property
    def pulses(self) -> Sequence[Pulse]:
        """The pulses of the loops without which work would lie idle."""
        return (
            self.tail.pulse,
            self._hints.pulse,
            self._sweep.pulse,
            self._sessions.pulse,
            self._processes.pulse,
        )

    @property
    def recovered(self) -> bool:
        """Whether what an earlier process, or an earlier end of the log, left has been taken up."""
        return self._recovered and not self.tail.cut.is_set()

    async def begin_anew(self) -> None:
        """Give up all work in hand, and go by the histories again as after a start."""
        await self.tail.begin_anew()

    async def run(self) -> None:
        """Take up what was left, then serve until cancelled."""
        async with self._presence.listening():
            await self._presence.begin()
            while True:
                self._recovered = False
                self.tail.cut.clear()
                try:
                    await self._serve()
                except* _BegunAnew:
                    log.warning("worker begins anew", extra={"host": self._host})
                    self._lanes.give_up()
                    await self._agents.close()

    async def drain(self, deadline: float) -> None:
        """Take no more work, give running work until `deadline`, then leave it to others or to the next start."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._gate.drain(deadline), name="drain jobs and sessions")
            parts.create_task(self._processes.close(deadline), name="end processes")
        await self._agents.close()
        await self._presence.leave()

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
            group.create_task(self.tail.run(), name="jobs of this host")
            group.create_task(self._hints.run(), name="jobs of any host")
            group.create_task(self._sweep.run(), name="job sweep")
            group.create_task(self._leftovers.run(), name="leftovers")

    async def _until_cut(self) -> None:
        await self.tail.cut.wait()
        raise _BegunAnew

    async def _recover(self) -> None:
        """Turns that were cut end as interrupted; open jobs go on at their first unfinished stage."""
        # As long as a long log takes; a reader that stands still is liveness's to notice.
        await self._directory.reached(await once_answered(self._store.head), within=None)
        await self._tasks.recover()
        await once_answered(self._sweep.recover)
        self._recovered = True
        log.info("worker ready", extra={"host": self._host, "jobs": len(self._lanes)})
