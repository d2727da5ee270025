"""`repository_sync`: look at a remote and store what is there, so that nobody has to ask it on a read."""

import secrets
from dataclasses import dataclass

from commands.aggregates import Aggregates
from commands.organization import ORGANIZATION
from commands.organization_state import Organization
from commands.repository import REPOSITORY, sync_failed, synced
from events.job import REPOSITORY_SYNC
from workflows.job_kind import JobContext, JobKind, JobNotWanted, Stage, StageFailure, StageResult
from workflows.remotes import Remotes
from workflows.steady_reports import SteadyReports


def kind(stages: "RepositorySync") -> JobKind:
    """The declaration of the job."""
    return JobKind(
        name=REPOSITORY_SYNC,
        stages=(Stage(name="remote_read", run=stages.read_remote, deadline=900),),
        failed=stages.failed,
        # Two hosts that never answer leave a place to the others; more of one wait for each other in git's lanes.
        at_once=5,
        per_repository=1,
        per_remote=2,
    )


@dataclass(frozen=True, kw_only=True)
class RepositorySync:
    aggregates: Aggregates
    reports: SteadyReports
    remotes: Remotes

    async def read_remote(self, job: JobContext) -> StageResult:
        """Fetch, and store the default branch and all branches."""
        state = await self.remotes.state(job.repository, await self.remote_url(job))
        await self.reports.report(
            REPOSITORY,
            job.repository,
            lambda now: synced(
                now,
                organization_id=job.organization_id,
                repository_id=job.repository,
                job_id=job.job_id,
                default_branch=state.default_branch,
                branches=state.branches,
            ),
            report_id=f"{job.job_id}/synced/{secrets.token_hex(6)}",
            correlation_id=job.correlation_id,
        )
        left_out = {"left_out": str(state.left_out)} if state.left_out else {}
        branches = str(len(state.branches))
        return {"default_branch": state.default_branch or "", "branches": branches, **left_out}

    async def failed(self, job: JobContext, stage: str, failure: StageFailure) -> None:
        """The repository's own history says so too: its freshness is shown from there."""
        await self.reports.report(
            REPOSITORY,
            job.repository,
            lambda now: sync_failed(
                now,
                organization_id=job.organization_id,
                repository_id=job.repository,
                job_id=job.job_id,
                message=failure.message,
            ),
            report_id=f"{job.job_id}/failed/{secrets.token_hex(6)}",
            correlation_id=job.correlation_id,
        )

    async def remote_url(self, job: JobContext) -> str:
        """The address of the job's repository. Raises `JobNotWanted` once it was removed."""
        state = (await self.aggregates.load(ORGANIZATION, job.organization_id)).state
        if isinstance(state, Organization):
            repository = state.repositories.get(job.repository)
            if repository is not None:
                return repository.remote_url
        raise JobNotWanted("the repository was removed")
