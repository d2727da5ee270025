"""The jobs behind `repository.act`: stacks of branches brought up to date, or put on another parent.

Each stage keeps what the one before found out, so that a crash between publishing the rebased
branches and moving those here is made good by the next worker.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from commands.aggregates import Aggregates
from commands.repository import REPOSITORY, parent_recorded
from commands.stack import KINDS
from commands.task import TASK
from commands.task_state import Task
from events.ids import TaskId
from workflows.job_kind import JobContext, JobKind, Stage, StageFailure, StageResult
from workflows.repository_sync import RepositorySync
from workflows.stack_plan import steps_of
from workflows.stacks import Restacked, Stacks
from workflows.steady_reports import SteadyReports


def kinds(work: "StackWork") -> tuple[JobKind, ...]:
    """The declarations of the jobs: they differ in what they move only."""
    return tuple(_kind(name, work) for name in KINDS.values())


def _kind(name: str, work: "StackWork") -> JobKind:
    return JobKind(
        name=name,
        stages=(
            Stage(name="branches_rebased", run=partial(work.rebase, name), deadline=900),
            Stage(name="remote_updated", run=work.publish, deadline=600),
            Stage(name="branches_moved", run=work.move, deadline=300),
            Stage(name="parents_recorded", run=work.record, deadline=60),
            Stage(name="remote_read", run=work.read_remote, deadline=900),
        ),
        failed=work.failed,
    )


@dataclass(frozen=True, kw_only=True)
class StackWork:
    aggregates: Aggregates
    reports: SteadyReports
    stacks: Stacks
    sync: RepositorySync

    async def rebase(self, kind: str, job: JobContext) -> StageResult:
        """Rebase all that has to move; nothing moves yet."""
        recorded = (await self.aggregates.confirmed(REPOSITORY, job.repository)).state.parents
        moved = await self.stacks.rebase(
            job.repository,
            remote_url=await self.sync.remote_url(job),
            steps=lambda present, default: steps_of(
                kind,
                parents=recorded,
                present=present,
                default=default,
                branch=job.input.get("branch"),
                parent=job.input.get("parent"),
            ),
        )
        return {"moved": msgspec.json.encode(moved).decode()}

    async def publish(self, job: JobContext) -> StageResult:
        """Move the remote's branches, all or none."""
        remote_url = await self.sync.remote_url(job)
        await self.stacks.publish(job.repository, remote_url=remote_url, moved=_moved(job))
        return {}

    async def move(self, job: JobContext) -> StageResult:
        """Move the branches of this host."""
        await self.stacks.move(job.repository, moved=_moved(job))
        return {}

    async def record(self, job: JobContext) -> StageResult:
        """Write down what is stacked on what, and where each branch begins now."""
        for one in _moved(job):
            await self.reports.report(
                REPOSITORY,
                job.repository,
                partial(
                    parent_recorded,
                    organization_id=job.organization_id,
                    repository_id=job.repository,
                    branch=one.branch,
                    parent=one.parent,
                    base=one.base,
                ),
                report_id=f"{job.job_id}/parent/{secrets.token_hex(6)}",
                correlation_id=job.correlation_id,
            )
        return {}

    async def read_remote(self, job: JobContext) -> StageResult:
        """Store what the remote's branches are now."""
        return await self.sync.read_remote(job)

    async def failed(self, job: JobContext, stage: str, failure: StageFailure) -> None:
        """The job's own last word says what is in the way; the branches seen last are as true as before."""


def in_turn(aggregates: Aggregates) -> Callable[[TaskId], Awaitable[bool]]:
    """Whether an agent is at work in a task, asked of its state."""

    async def ask(task_id: TaskId) -> bool:
        state = (await aggregates.load(TASK, task_id)).state
        return isinstance(state, Task) and state.in_turn

    return ask


def _moved(job: JobContext) -> list[Restacked]:
    return msgspec.json.decode(job.results["branches_rebased"]["moved"], type=list[Restacked])
