"""The worker of this host put together: where it works, who does it, in which jobs, and what hears of them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundry.data_folder import host_name
from foundry.event_log import EventLog
from foundry.hosting import Hosting, hosting
from foundry.job_kinds import job_kinds
from foundry.task_services import TaskServices, task_services
from foundry.write_side import WriteSide, now
from runtime.lifecycle import Gate
from runtime.settings import Settings
from workflows.announcements import Announcements
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
from workflows.presence import ANSWER_SECONDS, Presence
from workflows.steady_reports import SteadyReports
from workflows.worker import Worker


@asynccontextmanager
async def work_side(settings: Settings, log: EventLog, side: WriteSide) -> AsyncIterator[Worker]:
    """A worker that has ended what an earlier life of this data folder left running."""
    host = host_name(settings.data_folder, settings.host)
    name = f"{host}/{secrets.token_hex(4)}"
    gate = Gate("worker")
    reports = SteadyReports(side.reports)
    presence = Presence(
        log.connection,
        host=host,
        worker=name,
        away_seconds=settings.host_away_seconds,
        # The embedded server is this process's own.
        answer_seconds=ANSWER_SECONDS if settings.nats_url is not None else 0.0,
    )
    announcements = Announcements(log.store, side.aggregates)
    placement = Placement(side.aggregates, presence, host=host)
    async with (
        hosting(settings, host) as places,
        task_services(
            settings, log, side, places, reports, host=host, worker=name, gate=gate
        ) as services,
    ):
        kinds = job_kinds(
            places,
            services,
            side.aggregates,
            reports,
            presence=presence,
            host=host,
            stage_seconds=settings.stage_seconds,
        )
        runner = JobRunner(
            reports=reports,
            aggregates=side.aggregates,
            kinds=kinds,
            worker=name,
            host=host,
            gone=presence.gone,
            now=now,
        )
        lanes = JobLanes(
            runner=runner,
            kinds=kinds,
            reports=reports,
            announcements=announcements,
            placement=placement,
            gate=gate,
        )
        worker = _worker(
            log,
            side,
            places,
            services,
            reports=reports,
            lanes=lanes,
            announcements=announcements,
            placement=placement,
            presence=presence,
            host=host,
            gate=gate,
        )
        await worker.tail.start()
        yield worker


def _worker(
    log: EventLog,
    side: WriteSide,
    places: Hosting,
    services: TaskServices,
    *,
    reports: SteadyReports,
    lanes: JobLanes,
    announcements: Announcements,
    placement: Placement,
    presence: Presence,
    host: str,
    gate: Gate,
) -> Worker:
    """The worker: everything that hears of work, and hands it on."""
    hosts = HostWatch(
        aggregates=side.aggregates,
        directory=side.directory,
        reports=reports,
        presence=presence,
        host=host,
    )
    tasks = HostTasks(
        directory=side.directory,
        sessions=services.sessions,
        processes=services.processes,
        files=services.files,
        hosts=hosts,
        host=host,
    )
    offers = JobOffers(announcements=announcements, placement=placement, lanes=lanes)
    hints = JobHints(log.store.hints, log.store.renew_hints, offers=offers, lanes=lanes)
    leftovers = Leftovers(
        aggregates=side.aggregates,
        directory=side.directory,
        providers=places.providers,
        agents=services.agents,
        host=host,
    )
    tail = LogTail(
        store=log.store,
        hints=hints,
        offers=offers,
        lanes=lanes,
        tasks=tasks,
        hosts=hosts,
        sessions=services.sessions,
        processes=services.processes,
        leftovers=leftovers,
    )
    sweep = JobSweep(
        directory=side.directory,
        announcements=announcements,
        lanes=lanes,
        presence=presence,
        hosts=hosts,
        host=host,
    )
    return Worker(
        store=log.store,
        directory=side.directory,
        tail=tail,
        hints=hints,
        sweep=sweep,
        lanes=lanes,
        tasks=tasks,
        sessions=services.sessions,
        processes=services.processes,
        files=services.files,
        agents=services.agents,
        presence=presence,
        leftovers=leftovers,
        host=host,
        gate=gate,
    )
