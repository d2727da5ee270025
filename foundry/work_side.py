"""The worker of this host put together: sandboxes, agents, kinds of jobs."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from foundry.data_folder import host_name
from foundry.event_log import EventLog
from foundry.write_side import WriteSide, now
from runtime.lifecycle import Gate
from runtime.settings import Settings, environment, readable_file
from workflows import repository_sync, stack_jobs, task_branch, task_provision
from workflows.agent_launcher import AgentLauncher, CommandLauncher
from workflows.agent_pool import AgentPool
from workflows.agents import known_agents
from workflows.announcements import Announcements
from workflows.branches import Branches
from workflows.file_capture import FileCapture
from workflows.git import Git
from workflows.host_watch import HostWatch
from workflows.job_lanes import JobLanes
from workflows.job_runner import JobRunner
from workflows.job_sweep import JobSweep
from workflows.leftovers import Leftovers
from workflows.local_sandbox import LocalSandboxes
from workflows.placement import Placement
from workflows.presence import Presence
from workflows.processes import Processes
from workflows.repositories import Repositories
from workflows.repository_sync import RepositorySync
from workflows.sandbox import SandboxProvider
from workflows.sandbox_agent import SandboxAgentSandboxes
from workflows.sandbox_agent_api import SandboxAgentApi
from workflows.sandbox_agent_branches import SandboxAgentBranches
from workflows.sandbox_agent_launcher import SandboxAgentLauncher
from workflows.sessions import Sessions
from workflows.stack_jobs import StackWork, in_turn
from workflows.stacks import Stacks
from workflows.steady_reports import SteadyReports
from workflows.task_branch import BranchWork
from workflows.task_ending import Ending, archive_kind, kill_kind
from workflows.task_processes import TaskProcesses
from workflows.task_provision import Provisioning
from workflows.worker import Worker


@asynccontextmanager
async def work_side(settings: Settings, log: EventLog, side: WriteSide) -> AsyncIterator[Worker]:
    """A worker that has ended what an earlier life of this data folder left running."""
    data = settings.data_folder
    host = host_name(data, settings.host)
    worker_name = f"{host}/{secrets.token_hex(4)}"
    processes = Processes(owner=str(data), environ=environment())
    await processes.end_leftovers()
    git = Git(
        home=data / "git_home",
        path=environment().get("PATH", ""),
        ssh_key=readable_file("git_ssh_key", settings.git_ssh_key),
        mark=processes.mark("git"),
    )
    repositories = Repositories(git, data / "repositories", local_root=settings.local_root)
    local = LocalSandboxes(
        data=data,
        git=git,
        repositories=repositories,
        processes=processes,
    )
    providers: dict[str, SandboxProvider] = {local.name: local}
    known = known_agents(settings.agents)
    launchers: dict[str, AgentLauncher] = {local.name: CommandLauncher(local, known, environment())}
    branches = {local.name: Branches(repositories, local)}
    api: SandboxAgentApi | None = None
    if settings.sandbox_agent_url is not None:
        api = SandboxAgentApi(settings.sandbox_agent_url, settings.sandbox_agent_token)
        folder = Path(settings.sandbox_agent_folder) / host
        remote = SandboxAgentSandboxes(api, folder=folder, local_root=settings.local_root)
        providers[remote.name] = remote
        launchers[remote.name] = SandboxAgentLauncher(api, remote, known, folder=folder)
        branches[remote.name] = SandboxAgentBranches(repositories, remote, api)
    reports = SteadyReports(side.reports)
    gate = Gate("worker")
    presence = Presence(log.connection, host=host, away_seconds=settings.host_away_seconds)
    agents = AgentPool(
        launchers=launchers,
        log_folder=data / "agent_logs",
        now=now,
        limit=settings.max_agents,
    )
    files = FileCapture(
        aggregates=side.aggregates, reports=reports, store=log.store, providers=providers
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
    running = TaskProcesses(
        aggregates=side.aggregates,
        reports=reports,
        store=log.store,
        providers=providers,
        files=files,
        host=host,
        gate=gate,
    )
    ending = Ending(
        aggregates=side.aggregates,
        reports=reports,
        providers=providers,
        sessions=sessions,
        presence=presence,
        host=host,
        processes=running,
    )
    sync = RepositorySync(aggregates=side.aggregates, reports=reports, local=local)
    branch_work = BranchWork(
        aggregates=side.aggregates,
        reports=reports,
        providers=providers,
        branches=branches,
        files=files,
        sync=sync,
    )
    stack_work = StackWork(
        aggregates=side.aggregates,
        reports=reports,
        stacks=Stacks(repositories, in_turn(side.aggregates)),
        sync=sync,
    )
    kinds = (
        task_provision.kind(
            Provisioning(
                aggregates=side.aggregates,
                reports=reports,
                providers=providers,
                agents=agents,
                files=files,
                host=host,
            )
        ),
        archive_kind(ending),
        kill_kind(ending),
        repository_sync.kind(sync),
        *task_branch.kinds(branch_work),
        *stack_jobs.kinds(stack_work),
    )
    by_name = {kind.name: kind.within(settings.stage_seconds) for kind in kinds}
    announcements = Announcements(log.store, side.aggregates)
    placement = Placement(side.aggregates, presence, host=host)
    hosts = HostWatch(
        aggregates=side.aggregates,
        directory=side.directory,
        reports=reports,
        presence=presence,
        host=host,
    )
    runner = JobRunner(
        reports=reports,
        aggregates=side.aggregates,
        kinds=by_name,
        worker=worker_name,
        host=host,
        gone=presence.gone,
        now=now,
    )
    lanes = JobLanes(
        runner=runner,
        kinds=by_name,
        announcements=announcements,
        placement=placement,
        now=now,
        gate=gate,
    )
    worker = Worker(
        store=log.store,
        hints=log.store.hints,
        renew_hints=log.store.renew_hints,
        directory=side.directory,
        lanes=lanes,
        announcements=announcements,
        placement=placement,
        sweep=JobSweep(
            directory=side.directory,
            announcements=announcements,
            lanes=lanes,
            presence=presence,
            hosts=hosts,
            host=host,
        ),
        presence=presence,
        hosts=hosts,
        leftovers=Leftovers(
            aggregates=side.aggregates, directory=side.directory, providers=providers, host=host
        ),
        sessions=sessions,
        processes=running,
        files=files,
        agents=agents,
        host=host,
        gate=gate,
    )
    await worker.start()
    try:
        yield worker
    finally:
        await agents.close()
        await processes.close()
        if api is not None:
            await api.close()
