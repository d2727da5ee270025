"""The processes of a task as a whole: what becomes of one that is just being started."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from commands.aggregates import Aggregates
from commands.reports import Reports
from commands.task import TASK
from events.commit import Event
from events.ids import Timestamp
from events.memory import MemoryStore
from events.process import ProcessExited
from events.store import subject_of
from runtime.lifecycle import Gate
from tests import facts
from workflows.file_capture import FileCapture
from workflows.local_sandbox import LocalSandboxes
from workflows.processes import Child, Processes
from workflows.sandbox import Sandbox
from workflows.steady_reports import SteadyReports
from workflows.task_processes import TaskProcesses


class Slow(LocalSandboxes):
    """Starts what it is asked to once it may."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    async def start(
        self, sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Child:
        self.asked.set()
        await self.may.wait()
        return await self._processes.start(
            ["sleep", "1000"], sandbox_id=facts.SANDBOX, cwd=self._folder, home=self._folder
        )


async def test_what_is_just_being_started_when_all_is_to_end_ends_as_soon_as_it_is_there(
    processes: Processes, tmp_path: Path
) -> None:
    store = MemoryStore()
    aggregates = Aggregates(store)
    reports = SteadyReports(Reports(store, aggregates, lambda: Timestamp(1)))
    provider = Slow(processes, tmp_path)
    providers = {"local": provider}
    of_task = TaskProcesses(
        aggregates=aggregates,
        reports=reports,
        store=store,
        providers=providers,
        files=FileCapture(aggregates=aggregates, reports=reports, store=store, providers=providers),
        host=facts.sandbox_allocated().host,
        gate=Gate("worker"),
    )
    history: list[Event] = [
        facts.task_created(),
        facts.session_created(),
        facts.sandbox_allocated(),
        facts.sandbox_ready(),
        facts.process_requested(),
    ]
    await reports.report(TASK, facts.TASK, lambda now: history, report_id="given")
    running = asyncio.create_task(of_task.run())
    of_task.wake(facts.TASK)
    loop = asyncio.get_running_loop()

    async with asyncio.timeout(20):
        await provider.asked.wait()
        ending = asyncio.create_task(of_task.close(loop.time() + 15))
        loop.call_soon(provider.may.set)
        await ending

    told = [
        event.exit_code
        for one in await store.load(subject_of("task", facts.TASK))
        for event in one.commit.events
        if isinstance(event, ProcessExited)
    ]
    assert told == [-signal.SIGTERM]
    running.cancel()
    await asyncio.wait([running])
