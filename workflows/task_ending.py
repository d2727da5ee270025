"""`task_archive` and `task_kill`: stop what runs, release the sandbox, say so. Each stage may run again.

An archive keeps the work: what is not committed yet is committed first, on whatever branch the agent left checked out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

from commands import job_reports
from commands.aggregates import Aggregates
from commands.job import JOB
from commands.job_state import Job
from commands.task import TASK
from commands.task_reports import (
    issue_resolved,
    sandbox_released,
    task_archived,
    task_killed,
    task_named,
)
from commands.task_state import Sandbox, Task
from events.ids import JobId
from events.job import TASK_ARCHIVE, TASK_KILL, TASK_PROVISION
from runtime.errors import FoundryError, Rejected
from workflows.file_capture import FileCapture
from workflows.host_watch import away_issue
from workflows.job_kind import (
    JobContext,
    JobKind,
    JobNotWanted,
    NotOurs,
    Stage,
    StageFailure,
    StageResult,
)
from workflows.job_words import raise_issue, tell_task
from workflows.presence import Presence
from workflows.sandbox import SandboxProvider, provider_named
from workflows.sandbox_git import SandboxGit
from workflows.sessions import Sessions
from workflows.steady_reports import SteadyReports
from workflows.task_processes import TaskProcesses
from workflows.task_sandbox import sandbox_of, work_of
from workflows.work_inside import WorkInside, kept_inside

Step = Callable[[JobContext], Awaitable[StageResult]]

STOPPING_SECONDS = 60.0
LOOK_SECONDS = 0.05


def archive_kind(ending: "Ending") -> JobKind:
    """Keeps the branch."""
    return _kind(TASK_ARCHIVE, ending, "keep", "archived")


def kill_kind(ending: "Ending") -> JobKind:
    """Deletes the branch too."""
    return _kind(TASK_KILL, ending, "delete", "killed")


def _kind(name: str, ending: "Ending", branch: Literal["keep", "delete"], last: str) -> JobKind:
    async def release(job: JobContext) -> StageResult:
        # A kill does not wait for a look at what it throws away.
        async with ending.files.still(job.task) if name == TASK_ARCHIVE else nullcontext():
            return await ending.release(job, branch=branch)

    async def failed(job: JobContext, stage: str, failure: StageFailure) -> None:
        await ending.failed(job, stage, failure, unless_killing=name != TASK_KILL)

    def unless_killed(stage: Step) -> Step:
        """An archive gives way to a kill, which waits for its end and then does all of it."""

        async def run(job: JobContext) -> StageResult:
            if await ending.killing(job):
                raise JobNotWanted("the task is being killed")
            return await stage(job)

        return stage if name == TASK_KILL else run

    stopped = Stage(
        name="work_stopped", run=unless_killed(ending.stop_work), deadline=2 * STOPPING_SECONDS
    )
    committed = Stage(name="work_committed", run=unless_killed(ending.commit_work), deadline=300)
    released = Stage(name="sandbox_released", run=unless_killed(release), deadline=300)
    ended = Stage(name=last, run=unless_killed(ending.finish), deadline=30)
    kept = (committed,) if name == TASK_ARCHIVE else ()
    return JobKind(name=name, stages=(stopped, *kept, released, ended), failed=failed)


@dataclass(frozen=True, kw_only=True)
class Ending:
    aggregates: Aggregates
    reports: SteadyReports
    providers: Mapping[str, SandboxProvider]
    sessions: Sessions
    presence: Presence
    host: str
    processes: TaskProcesses
    files: FileCapture

    async def stop_work(self, job: JobContext) -> StageResult:
        """Cancel the task's other jobs and end its turns, agents and processes."""
        task = await self._task(job)
        # One that failed may have been taken up again.
        jobs = {TASK_PROVISION: task.provision_job_id, **task.jobs}
        # A kill is nobody's to cancel: it cancels the archive, which may have begun before it.
        others = [
            job_id
            for kind, job_id in jobs.items()
            if job_id is not None and kind != TASK_KILL and job_id != job.job_id
        ]
        for job_id in others:
            await self.reports.report(
                JOB,
                job_id,
                job_reports.cancel_requested,
                report_id=f"{job.job_id}/cancels/{job_id}",
            )
        await self.sessions.end_task(job.task)
        async with asyncio.timeout(STOPPING_SECONDS):
            for job_id in others:
                await self._ended(job_id)
        await self.processes.end_task(job.task)
        # A provisioning that was cancelled just now may have started an agent after the first look.
        await self.sessions.end_task(job.task)
        return {}

    async def commit_work(self, job: JobContext) -> StageResult:
        """Commit and capture what the agent left; where there is no working tree, that is nothing."""
        task = await self._task(job)
        sandbox, branch = task.sandbox, task.branch
        if not sandbox or not sandbox.base or not branch or not self._here(sandbox):
            return {"committed": "no"}
        git = SandboxGit(provider_named(sandbox.provider, self.providers), sandbox_of(task))
        try:
            # What is committed in there is noted on the task's branch.
            inside = await WorkInside(git).keep(
                base=sandbox.base, under=kept_inside(job.task), message=task.title
            )
            kept_on = await git.keep_all(branch=branch, base=sandbox.base, message=task.title)
            await git.check_kept(base=sandbox.base)
        except FoundryError as error:
            if error.code == "sandbox_gone":
                return {"committed": "no"}
            raise StageFailure(
                # What git complains of has no full stop.
                f"{error.detail.removesuffix('.')}. The work stays where it is until it can be committed;"
                " task.kill throws it away.",
                code=error.code,
                permanent=isinstance(error, Rejected),
            ) from error
        # Nobody can look again once the working tree is gone.
        await self.files.attempt(job.task)
        found = {"inside": inside} if inside else {}
        if kept_on is None:
            return {"committed": "no", **found}
        # Where the agent stood on another branch, that is where the work goes on.
        await tell_task(self.reports, job, "kept", lambda now: task_named(now, branch=kept_on))
        return {"committed": "yes", "branch": kept_on, **found}

    async def release(self, job: JobContext, *, branch: Literal["keep", "delete"]) -> StageResult:
        """Remove the sandbox with everything in it that was not committed."""
        task = await self._task(job)
        if task.sandbox is None:
            return {}
        sandbox_id = task.sandbox.id
        if not self._here(task.sandbox):
            return await self._give_up(job, task.sandbox)
        # An existing branch was there before the task: it is not ours to delete.
        keep = branch == "keep" or task.on_branch is not None
        await provider_named(task.sandbox.provider, self.providers).release(
            job.task, branch="keep" if keep else "delete", work=work_of(task)
        )
        await tell_task(
            self.reports,
            job,
            "released",
            lambda now: sandbox_released(now, sandbox_id=sandbox_id, branch_kept=keep),
        )
        return {"branch": "kept" if keep else "deleted"}

    async def _give_up(self, job: JobContext, sandbox: Sandbox) -> StageResult:
        """The host that has the sandbox stays away: what is left there is removed when it comes back."""
        issue_id = away_issue(job.task, sandbox.host)
        await tell_task(
            self.reports,
            job,
            "given_up",
            lambda now: [
                *sandbox_released(now, sandbox_id=sandbox.id, branch_kept=True),
                *issue_resolved(now, issue_id=issue_id),
            ],
        )
        return {"branch": "kept", "abandoned_on": sandbox.host}

    def _here(self, sandbox: Sandbox) -> bool:
        """False if its host stays away. Raises `NotOurs` while that is there."""
        if sandbox.host != self.host and not self.presence.away(sandbox.host):
            raise NotOurs(f"the sandbox is on {sandbox.host}")
        return sandbox.host == self.host

    async def finish(self, job: JobContext) -> StageResult:
        """Say in the task's history that it is archived or killed."""
        await tell_task(
            self.reports, job, "ended", lambda now: [*task_archived(now), *task_killed(now)]
        )
        self.files.forget(job.task)
        return {}

    async def failed(
        self, job: JobContext, stage: str, failure: StageFailure, *, unless_killing: bool
    ) -> None:
        """The task stays between work and its end; the issue offers the retry."""
        if unless_killing and await self.killing(job):
            return
        await raise_issue(self.reports, job, stage, failure)

    async def killing(self, job: JobContext) -> bool:
        """Whether the task is being killed, or has been."""
        return (await self._task(job)).status in ("killing", "killed")

    async def _task(self, job: JobContext) -> Task:
        state = (await self.aggregates.load(TASK, job.task)).state
        if not isinstance(state, Task):
            raise JobNotWanted("there is no such task")
        return state

    async def _ended(self, job_id: JobId) -> None:
        # Another worker may have the job, so its history is looked at, not a future of this process.
        while True:
            state = (await self.aggregates.load(JOB, job_id)).state
            if not isinstance(state, Job) or not state.open:
                return
            await asyncio.sleep(LOOK_SECONDS)
