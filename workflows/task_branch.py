"""`task_push`, `task_merge`, `task_revert_file`, `task_rename_branch`: what people have done with a task's work.

A push and a merge take everything: what is not committed yet is committed first, under the task's title.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from commands.aggregates import Aggregates
from commands.repository import REPOSITORY, branch_renamed
from commands.task import TASK
from commands.task_reports import issues_settled, task_named
from commands.task_state import Task
from events.job import TASK_MERGE, TASK_PUSH, TASK_RENAME_BRANCH, TASK_REVERT_FILE
from workflows.branches import Branches
from workflows.file_capture import FileCapture
from workflows.file_revert import FileRevert
from workflows.job_kind import JobContext, JobKind, JobNotWanted, Stage, StageFailure, StageResult
from workflows.job_words import raise_issue, tell_task
from workflows.repository_sync import RepositorySync
from workflows.sandbox import SandboxProvider, provider_named
from workflows.sandbox_git import SandboxGit
from workflows.steady_reports import SteadyReports
from workflows.task_sandbox import sandbox_of


def kinds(work: "BranchWork") -> tuple[JobKind, ...]:
    """The declarations of the jobs. The last stage of each brings the views up to date."""
    committed = Stage(name="work_committed", run=work.commit, deadline=180)
    read = Stage(name="remote_read", run=work.read_remote, deadline=900)
    captured = Stage(name="files_captured", run=work.capture, deadline=180)
    return (
        work.kind(TASK_PUSH, committed, Stage(name="pushed", run=work.push, deadline=600), read),
        work.kind(TASK_MERGE, committed, Stage(name="merged", run=work.merge, deadline=600), read),
        work.kind(
            TASK_REVERT_FILE,
            Stage(name="file_found", run=work.find_file, deadline=180),
            Stage(name="file_reverted", run=work.revert_file, deadline=180),
            captured,
        ),
        work.kind(
            TASK_RENAME_BRANCH,
            Stage(name="branch_renamed", run=work.rename, deadline=600),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class BranchWork:
    """The stages. `providers` and `branches` go by the kind of sandbox."""

    aggregates: Aggregates
    reports: SteadyReports
    providers: Mapping[str, SandboxProvider]
    branches: Mapping[str, Branches]
    files: FileCapture
    sync: RepositorySync

    def kind(self, name: str, *stages: Stage) -> JobKind:
        """A job whose success settles the issues that earlier ones of its kind raised."""
        names = {stage.name for stage in stages}
        settled = Stage(name="settled", run=lambda job: self._settle(job, names), deadline=30)
        return JobKind(name=name, stages=(*stages, settled), failed=self.failed)

    async def commit(self, job: JobContext) -> StageResult:
        """Commit what the agent left uncommitted."""
        task = await self._task(job)
        git = self._git(task)
        await git.check_resolved()
        made = await git.commit_all(branch=_branch(task), message=task.title)
        await git.check_kept(base=_base(task))
        if made:
            self.files.request(task.task_id)
        return {"committed": "yes" if made else "no"}

    async def push(self, job: JobContext) -> StageResult:
        """Push the task's branch."""
        task = await self._task(job)
        tip = await self._branches(task).push(
            task.repository_id, remote_url=task.remote_url, branch=_branch(task), base=_base(task)
        )
        return {"branch": _branch(task), "commit": tip}

    async def merge(self, job: JobContext) -> StageResult:
        """Merge the task's branch into the remote's default branch."""
        task = await self._task(job)
        commit = await self._branches(task).merge(
            task.repository_id,
            remote_url=task.remote_url,
            branch=_branch(task),
            base=_base(task),
            title=task.title,
        )
        return {"branch": _branch(task), "commit": commit}

    async def find_file(self, job: JobContext) -> StageResult:
        """Look whether the file can be reverted, before anything is changed."""
        await self._revert(await self._task(job)).check(job.input["path"])
        return {}

    async def revert_file(self, job: JobContext) -> StageResult:
        """Bring the file back to what it was at the base; one that was not there goes."""
        await self._revert(await self._task(job)).revert(job.input["path"])
        return {"path": job.input["path"]}

    async def rename(self, job: JobContext) -> StageResult:
        """Rename the branch in the sandbox, then in its stack and in the task's history."""
        task = await self._task(job)
        old, new = _branch(task), job.input["branch"]
        await self._branches(task).rename(
            sandbox_of(task), remote_url=task.remote_url, old=old, new=new
        )
        await self.reports.report(
            REPOSITORY,
            job.repository,
            lambda now: branch_renamed(
                now,
                organization_id=job.organization_id,
                repository_id=job.repository,
                old=old,
                new=new,
            ),
            report_id=f"{job.job_id}/renamed/{secrets.token_hex(6)}",
            correlation_id=job.correlation_id,
        )
        await tell_task(self.reports, job, "named", lambda now: task_named(now, branch=new))
        return {"branch": new}

    async def capture(self, job: JobContext) -> StageResult:
        """Capture the files as they are now."""
        await self.files.capture(job.task)
        return {}

    async def read_remote(self, job: JobContext) -> StageResult:
        """Store what the remote's branches are now; nobody looks at those of a repository that was removed."""
        try:
            return await self.sync.read_remote(job)
        except JobNotWanted:
            # A look at the remote is not wanted any more; what was pushed is, and its job has to end.
            return {}

    async def failed(self, job: JobContext, stage: str, failure: StageFailure) -> None:
        """The issue says what is in the way, and offers the retry."""
        await raise_issue(self.reports, job, stage, failure)

    async def _settle(self, job: JobContext, stages: set[str]) -> StageResult:
        await tell_task(
            self.reports, job, "settled", lambda now: issues_settled(now, stages=stages)
        )
        return {}

    async def _task(self, job: JobContext) -> Task:
        state = (await self.aggregates.load(TASK, job.task)).state
        if not isinstance(state, Task) or state.over or state.sandbox is None:
            raise JobNotWanted("the task is being put away")
        return state

    def _git(self, task: Task) -> SandboxGit:
        assert task.sandbox is not None
        return SandboxGit(provider_named(task.sandbox.provider, self.providers), sandbox_of(task))

    def _revert(self, task: Task) -> FileRevert:
        assert task.sandbox is not None
        provider = provider_named(task.sandbox.provider, self.providers)
        return FileRevert(provider, sandbox_of(task), base=_base(task))

    def _branches(self, task: Task) -> Branches:
        assert task.sandbox is not None
        return provider_named(task.sandbox.provider, self.branches)


def _branch(task: Task) -> str:
    assert task.branch is not None
    return task.branch


def _base(task: Task) -> str:
    assert task.sandbox is not None
    assert task.sandbox.base is not None
    return task.sandbox.base
