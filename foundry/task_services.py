"""What serves the tasks of this host: agents, their turns, processes, and whoever looks at the files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from foundry.event_log import EventLog
from foundry.hosting import Hosting
from foundry.write_side import WriteSide, now
from runtime.lifecycle import Gate
from runtime.settings import Settings
from workflows.agent_names import AgentNames
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.sessions import Sessions
from workflows.steady_reports import SteadyReports
from workflows.task_processes import TaskProcesses


@dataclass(frozen=True, kw_only=True)
class TaskServices:
    agents: AgentPool
    files: FileCapture
    sessions: Sessions
    processes: TaskProcesses


@asynccontextmanager
async def task_services(
    settings: Settings,
    log: EventLog,
    side: WriteSide,
    hosting: Hosting,
    reports: SteadyReports,
    *,
    host: str,
    worker: str,
    gate: Gate,
) -> AsyncIterator[TaskServices]:
    """They work while this is open; at the end the agents are ended."""
    agents = AgentPool(
        launchers=hosting.launchers,
        log_folder=settings.data_folder / "agent_logs",
        names=AgentNames(settings.data_folder / "agent_sessions"),
        now=now,
        limit=settings.max_agents,
    )
    files = FileCapture(
        aggregates=side.aggregates, reports=reports, store=log.store, providers=hosting.providers
    )
    sessions = Sessions(
        aggregates=side.aggregates,
        reports=reports,
        store=log.store,
        agents=agents,
        files=files,
        host=host,
        worker=worker,
        now=now,
        gate=gate,
    )
    processes = TaskProcesses(
        aggregates=side.aggregates,
        reports=reports,
        store=log.store,
        providers=hosting.providers,
        files=files,
        host=host,
        gate=gate,
    )
    try:
        yield TaskServices(agents=agents, files=files, sessions=sessions, processes=processes)
    finally:
        await agents.close()
