"""The processes of the tasks whose sandbox is on this host: started as asked, once, and told of until they end."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress

from commands.aggregates import Aggregates
from commands.process_reports import process_exited, process_output, process_started
from commands.task import TASK
from commands.task_state import Process, Task, TaskState
from events.ids import ProcessId, TaskId
from events.store import EventStore
from events.task import TaskEvent
from runtime.errors import FoundryError, Unavailable
from runtime.lifecycle import Gate
from runtime.logs import log_fields
from runtime.pulse import Pulse
from workflows.file_capture import FileCapture
from workflows.running_process import RunningProcess
from workflows.sandbox import SandboxProvider, provider_named
from workflows.steady_reports import SteadyReports
from workflows.task_sandbox import sandbox_of
from workflows.woken_tasks import WokenTasks

log = logging.getLogger(__name__)

END_SECONDS = 15.0


class TaskProcesses:
    """`wake` says that something was asked of a task's processes; all work happens in tasks that `run` owns."""

    def __init__(
        self,
        *,
        aggregates: Aggregates,
        reports: SteadyReports,
        store: EventStore,
        providers: Mapping[str, SandboxProvider],
        files: FileCapture,
        host: str,
        gate: Gate,
    ) -> None:
        self._reports = reports
        self._store = store
        self._providers = providers
        self._files = files
        self._woken = WokenTasks("processes", aggregates, host=host)
        self._gate = gate
        self._serving: dict[ProcessId, asyncio.Task[None]] = {}
        self._running: dict[ProcessId, RunningProcess] = {}
        self._unwanted: set[ProcessId] = set()

    def wake(self, task_id: TaskId) -> None:
        """Look at the processes of this task soon."""
        self._woken.wake(task_id)

    @property
    def pulse(self) -> Pulse:
        return self._woken.pulse

    async def run(self) -> None:
        """Serve until cancelled; what runs then is ended, and told of at the next start."""
        async with asyncio.TaskGroup() as group, aclosing(self._woken.each()) as tasks:
            async for task in tasks:
                self._look(task, group)

    async def recover(self, task_id: TaskId) -> None:
        """After a start: nobody saw how the processes of an earlier life ended."""
        task = await self._woken.task(task_id)
        for process_id, process in task.processes.items() if task else ():
            if process.status in ("running", "stopping") and process_id not in self._serving:
                await self._exited(task_id, process_id, None, None)

    async def end_task(self, task_id: TaskId) -> None:
        """End the processes of a task, because its sandbox goes away."""
        task = await self._woken.task(task_id)
        for process_id in task.processes if task else ():
            await self._end(process_id)
            await self._exited(task_id, process_id, None, None)

    async def close(self, deadline: float) -> None:
        """End all processes and tell how, until `deadline` (event loop time); the gate lets no new ones start."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await asyncio.gather(*map(self._end, list(self._serving)))

    async def _end(self, process_id: ProcessId) -> None:
        serving, running = self._serving.get(process_id), self._running.get(process_id)
        if running is not None:
            await running.stop()
        elif serving is not None:
            # It is just being started, and is to end as soon as it is there.
            self._unwanted.add(process_id)
        if serving is not None:
            await asyncio.wait([serving], timeout=END_SECONDS)

    def _look(self, task: Task, group: asyncio.TaskGroup) -> None:
        for process_id, process in task.processes.items():
            if process_id in self._running:
                self._files.watch.after_a_sign(task.task_id)
                self._running[process_id].look()
            elif (
                process.status == "queued"
                and process_id not in self._serving
                and not self._gate.draining
            ):
                self._serving[process_id] = group.create_task(
                    self._serve(task, process_id, process), name=f"process {process_id}"
                )

    async def _serve(self, task: Task, process_id: ProcessId, process: Process) -> None:
        """One process's failure is its own: it ends in a state that says so, and the others go on."""
        with log_fields(task_id=task.task_id, process_id=process_id):
            try:
                if process.stop is not None:
                    await self._exited(task.task_id, process_id, None, None)
                    return
                # The fact comes before the start, so a crash in between never starts it twice.
                if not await self._report(
                    task.task_id, lambda now: process_started(now, process_id=process_id)
                ):
                    return
                await self._run(task, process_id, process)
            except Exception as error:
                log.exception("process failed in the worker itself")
                await self._exited(task.task_id, process_id, None, f"The worker failed: {error}")
            finally:
                del self._serving[process_id]
                self._unwanted.discard(process_id)
        self._files.request(task.task_id)

    async def _run(self, task: Task, process_id: ProcessId, process: Process) -> None:
        assert task.sandbox is not None
        try:
            provider = provider_named(task.sandbox.provider, self._providers)
            child = await provider.start(sandbox_of(task), [process.command, *process.args])
        except (FoundryError, OSError) as error:
            await self._exited(task.task_id, process_id, None, str(error))
            return
        if process_id in self._unwanted:
            await child.stop()
        running = self._running[process_id] = RunningProcess(
            child,
            task_id=task.task_id,
            process_id=process_id,
            requested_position=process.position,
            store=self._store,
            tell=lambda tail: self._printed(task.task_id, process_id, tail),
        )
        self._files.watch.after_a_sign(task.task_id)
        try:
            exit_code, tail = await running.run()
        finally:
            del self._running[process_id]
        await self._exited(task.task_id, process_id, exit_code, tail)
        log.info("process ended", extra={"exit_code": exit_code})

    async def _printed(self, task_id: TaskId, process_id: ProcessId, tail: str) -> None:
        self._files.watch.after_a_sign(task_id)
        await self._report(
            task_id, lambda now: process_output(now, process_id=process_id, tail=tail)
        )

    async def _exited(
        self, task_id: TaskId, process_id: ProcessId, exit_code: int | None, tail: str | None
    ) -> None:
        await self._report(
            task_id,
            lambda now: process_exited(now, process_id=process_id, exit_code=exit_code, tail=tail),
        )

    async def _report(
        self, task_id: TaskId, decide: Callable[[TaskState], list[TaskEvent]]
    ) -> bool:
        """Whether it changed anything. What cannot be told now is told when the history can be read again."""
        try:
            _, events = await self._reports.report(
                TASK, task_id, decide, report_id=f"{task_id}/process/{secrets.token_hex(6)}"
            )
        except Unavailable as error:
            log.error("process cannot be told of", extra={"reason": error.detail})
            return False
        return bool(events)
