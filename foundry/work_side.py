"""The worker of this host put together: what does the work, the jobs it is done in, and what hears of it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from foundry.data_folder import host_name
from foundry.event_log import EventLog
from foundry.hosting import hosting
from foundry.job_kinds import job_kinds
from foundry.write_side import WriteSide, now
from runtime.lifecycle import Gate
from runtime.settings import Settings
from workflows.agent_pool import AgentPool
from workflows.announcements import Announcements
from workflows.file_capture import FileCapture
from workflows.host_tasks import HostTasks
from workflows.host_watch import HostWatch
from workflows.job_hints import JobHints
from workflows.job_lanes import JobLanes
from workflows.job_offers import JobOffers
from workflows.job_runner import JobRunner
from workflows.job_sweep import JobSweep
from workflows.leftovers import Leftovers
from workflows.log_tail import LogTail
from workflows.placement import Placement
from workflows.presence import Presence
from workflows.sessions import Sessions
from workflows.steady_reports import SteadyReports
from workflows.task_ending import Ending
from workflows.task_processes import TaskProcesses
from workflows.worker import Worker


@asynccontextmanager
async def work_side(settings: Settings, log: EventLog, side: WriteSide) -> AsyncIterator[Worker]:
    """A worker that has ended what an earlier life of this data folder left running."""
    host = host_name(settings.data_folder, settings.host)
    worker_name = f"{host}/{secrets.token_hex(4)}"
    gate = Gate("worker")
    reports = SteadyReports(side.reports)
    presence = Presence(log.connection, host=host, away_seconds=settings.host_away_seconds)
    async with AsyncExitStack() as parts:
        places = await parts.enter_async_context(hosting(settings, host))

        # --- What does the work ---
        agents = AgentPool(
            launchers=places.launchers,
            log_folder=settings.data_folder / "agent_logs",
            now=now,
            limit=settings.max_agents,
        )
        parts.push_async_callback(agents.close)
        files = FileCapture(
            aggregates=side.aggregates,
            reports=reports,
            store=log.store,
            providers=places.providers,
        )
        sessions = Sessions(
            aggregates=side.aggregates,
            reports=reports,
            store=log.store,
            agents=agents,
            files=files,
            host=host,
            worker=worker_name,
            now=now,
            gate=gate,
        )
        processes = TaskProcesses(
            aggregates=side.aggregates,
            reports=reports,
            store=log.store,
            providers=places.providers,
            files=files,
            host=host,
            gate=gate,
        )

        # --- The jobs it is done in ---
        kinds = job_kinds(
            places,
            side.aggregates,
            reports,
            agents=agents,
            files=files,
            ending=Ending(
                aggregates=side.aggregates,
                reports=reports,
                providers=places.providers,
                sessions=sessions,
                presence=presence,
                host=host,
                processes=processes,
            ),
            host=host,
            stage_seconds=settings.stage_seconds,
        )
        announcements = Announcements(log.store, side.aggregates)
        placement = Placement(side.aggregates, presence, host=host)
        lanes = JobLanes(
            runner=JobRunner(
                reports=reports,
                aggregates=side.aggregates,
                kinds=kinds,
                worker=worker_name,
                host=host,
                gone=presence.gone,
                now=now,
            ),
            kinds=kinds,
            announcements=announcements,
            placement=placement,
            now=now,
            gate=gate,
        )

        # --- What hears of it ---
        hosts = HostWatch(
            aggregates=side.aggregates,
            directory=side.directory,
            reports=reports,
            presence=presence,
            host=host,
        )
        tasks = HostTasks(
            directory=side.directory,
            sessions=sessions,
            processes=processes,
            files=files,
            hosts=hosts,
            host=host,
        )
        offers = JobOffers(announcements=announcements, placement=placement, lanes=lanes)
        hints = JobHints(log.store.hints, log.store.renew_hints, offers=offers, lanes=lanes)
        tail = LogTail(
            store=log.store,
            hints=hints,
            offers=offers,
            lanes=lanes,
            tasks=tasks,
            hosts=hosts,
            sessions=sessions,
            processes=processes,
        )
        sweep = JobSweep(
            directory=side.directory,
            announcements=announcements,
            lanes=lanes,
            presence=presence,
            hosts=hosts,
            host=host,
        )
        leftovers = Leftovers(
            aggregates=side.aggregates,
            directory=side.directory,
            providers=places.providers,
            host=host,
        )
        await tail.start()
        yield Worker(
            store=log.store,
            directory=side.directory,
            tail=tail,
            hints=hints,
            sweep=sweep,
            lanes=lanes,
            tasks=tasks,
            sessions=sessions,
            processes=processes,
            files=files,
            agents=agents,
            presence=presence,
            leftovers=leftovers,
            host=host,
            gate=gate,
        )
