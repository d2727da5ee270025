"""`task_provision`: from a created task to a session that can be talked to, stage by stage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from commands.aggregates import Aggregates
from commands.session_reports import session_ready
from commands.task import TASK
from commands.task_reports import (
    sandbox_allocated,
    sandbox_ready,
    task_failed,
    task_named,
    task_provisioned,
)
from commands.task_state import Session, Task, TaskState
from events.ids import IssueId, derive_id
from events.job import TASK_PROVISION
from events.task import TaskEvent
from workflows.agent_errors import AgentDied, AgentFailed
from workflows.agent_pool import AgentPool
from workflows.file_capture import FileCapture
from workflows.job_kind import JobContext, JobKind, JobNotWanted, Stage, StageFailure, StageResult
from workflows.job_words import tell_task
from workflows.sandbox import ExistingBranch, NewBranch, SandboxProvider, provider_named
from workflows.steady_reports import SteadyReports
from workflows.task_sandbox import sandbox_of


def kind(stages: "Provisioning") -> JobKind:
    """The declaration of the job."""
    return JobKind(
        name=TASK_PROVISION,
        stages=(
            Stage(name="name_ensured", run=stages.ensure_name, deadline=30),
            Stage(name="sandbox_allocated", run=stages.allocate_sandbox, deadline=60),
            Stage(name="repository_prepared", run=stages.prepare_repository, deadline=900),
            Stage(name="agent_installed", run=stages.install_agent, deadline=300),
            Stage(name="agent_started", run=stages.start_agent, deadline=90),
            Stage(name="session_created", run=stages.create_session, deadline=90),
        ),
        failed=stages.failed,
        at_once=7,
        per_repository=4,
    )


@dataclass(frozen=True, kw_only=True)
class Provisioning:
    """The stages. Each may run again after a crash and then finds what it has done already."""

    aggregates: Aggregates
    reports: SteadyReports
    providers: Mapping[str, SandboxProvider]
    agents: AgentPool
    files: FileCapture
    host: str

    async def ensure_name(self, job: JobContext) -> StageResult:
        """Settle the branch: the one asked for, else one made from the title."""
        task = await self._task(job)
        branch = task.branch or task.on_branch or task.wanted_branch or branch_name(task)
        await tell_task(self.reports, job, "named", lambda now: task_named(now, branch=branch))
        return {"branch": branch}

    async def allocate_sandbox(self, job: JobContext) -> StageResult:
        """Name the sandbox and bind it to this host, before anything of it is made."""
        task = await self._task(job)
        sandbox = self._provider(task).allocate(
            task_id=task.task_id, repository_id=task.repository_id
        )
        await tell_task(
            self.reports,
            job,
            "allocated",
            lambda now: sandbox_allocated(
                now,
                sandbox_id=sandbox.sandbox_id,
                provider=task.provider,
                host=self.host,
                path=sandbox.path,
            ),
        )
        return {"sandbox_id": sandbox.sandbox_id, "path": sandbox.path}

    async def prepare_repository(self, job: JobContext) -> StageResult:
        """Check the branch out, and capture the files as they are at the beginning."""
        task = await self._task(job)
        name = job.results["name_ensured"]["branch"]
        checkout = await self._provider(task).prepare(
            sandbox_of(task),
            remote_url=task.remote_url,
            branch=ExistingBranch(name) if task.on_branch else NewBranch(name),
        )
        sandbox_id = sandbox_of(task).sandbox_id
        await tell_task(
            self.reports,
            job,
            "prepared",
            lambda now: sandbox_ready(now, sandbox_id=sandbox_id, base=checkout.base),
        )
        # Work can begin, whatever the list of files does.
        await self.files.attempt(task.task_id)
        return {"base": checkout.base}

    async def install_agent(self, job: JobContext) -> StageResult:
        """Find the agent where it is to run."""
        task = await self._task(job)
        session = _first_session(task)
        if session.status == "closed":
            # As everywhere below: whoever closed it works with another agent, or will.
            return {}
        return {"command": await self.agents.find(task.provider, session.agent)}

    async def start_agent(self, job: JobContext) -> StageResult:
        """Start the agent's process."""
        await self._agent(await self._task(job), job)
        return {}

    async def create_session(self, job: JobContext) -> StageResult:
        """The agent's session is there: from this commit on messages are handed over."""
        task = await self._task(job)
        session = _first_session(task)
        # After a crash between the two stages the process has to be started again.
        await self._agent(task, job)

        def ready(now: TaskState) -> list[TaskEvent]:
            return [
                *session_ready(now, session_id=session.id),
                *task_provisioned(now, job_id=job.job_id),
            ]

        await tell_task(self.reports, job, "provisioned", ready)
        return {"session_id": session.id}

    async def failed(self, job: JobContext, stage: str, failure: StageFailure) -> None:
        """The task says at which stage it got stuck, and offers the retry."""
        issue_id = IssueId(derive_id("iss", job.job_id, stage))
        await tell_task(
            self.reports,
            job,
            f"failed/{stage}",
            lambda now: task_failed(
                now,
                job_id=job.job_id,
                stage=stage,
                message=failure.message,
                issue_id=issue_id,
                code=failure.code,
            ),
        )

    async def _task(self, job: JobContext) -> Task:
        state = (await self.aggregates.load(TASK, job.task)).state
        if not isinstance(state, Task) or state.over:
            raise JobNotWanted("the task is being put away")
        return state

    def _provider(self, task: Task) -> SandboxProvider:
        return provider_named(task.provider, self.providers)

    async def _agent(self, task: Task, job: JobContext) -> None:
        session = _first_session(task)
        if session.status == "closed":
            return
        try:
            await self.agents.get(task, session, waiting=job.waiting)
        except (AgentDied, AgentFailed) as error:
            raise StageFailure(str(error), code="agent_failed") from error


def branch_name(task: Task) -> str:
    """A branch for a task that names none: words of its title and the end of its id, so that it is free."""
    words = re.sub(r"[^a-z0-9]+", "-", task.title.lower()).strip("-")[:40].strip("-")
    return f"foundry/{words or 'task'}-{task.task_id[-6:].strip('_') or 'x'}"


def _first_session(task: Task) -> Session:
    return next(iter(task.sessions.values()))
