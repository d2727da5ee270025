"""The kinds of jobs a worker of this version knows."""

from collections.abc import Mapping

from commands.aggregates import Aggregates
from foundry.hosting import Hosting
from foundry.task_services import TaskServices
from workflows import repository_sync, stack_jobs, task_branch, task_provision
from workflows.job_kind import JobKind
from workflows.presence import Presence
from workflows.repository_sync import RepositorySync
from workflows.stack_jobs import StackWork, in_turn
from workflows.stacks import Stacks
from workflows.steady_reports import SteadyReports
from workflows.task_branch import BranchWork
from workflows.task_ending import Ending, archive_kind, kill_kind
from workflows.task_provision import Provisioning


def job_kinds(
    hosting: Hosting,
    services: TaskServices,
    aggregates: Aggregates,
    reports: SteadyReports,
    *,
    presence: Presence,
    host: str,
    stage_seconds: float | None,
) -> Mapping[str, JobKind]:
    """By name. `stage_seconds`, if set, bounds every stage."""
    sync = RepositorySync(aggregates=aggregates, reports=reports, remotes=hosting.remotes)
    provisioning = Provisioning(
        aggregates=aggregates,
        reports=reports,
        providers=hosting.providers,
        agents=services.agents,
        files=services.files,
        host=host,
    )
    ending = Ending(
        aggregates=aggregates,
        reports=reports,
        providers=hosting.providers,
        sessions=services.sessions,
        presence=presence,
        host=host,
        processes=services.processes,
        files=services.files,
    )
    branch_work = BranchWork(
        aggregates=aggregates,
        reports=reports,
        providers=hosting.providers,
        branches=hosting.branches,
        files=services.files,
        sync=sync,
    )
    stack_work = StackWork(
        aggregates=aggregates,
        reports=reports,
        stacks=Stacks(hosting.repositories, in_turn(aggregates)),
        sync=sync,
    )
    kinds = (
        task_provision.kind(provisioning),
        archive_kind(ending),
        kill_kind(ending),
        repository_sync.kind(sync),
        *task_branch.kinds(branch_work),
        *stack_jobs.kinds(stack_work),
    )
    return {kind.name: kind.within(stage_seconds) for kind in kinds}
