"""How the facts of a task become its state. Never raises, never refuses."""

from msgspec.structs import replace

from commands.decider import Absent, Origin
from commands.process_evolve import evolve_processes
from commands.session_evolve import evolve_sessions
from commands.task_state import Issue, Sandbox, Task, TaskState
from events.commit import Event
from events.ids import JobId
from events.job import TASK_ARCHIVE, TASK_PROVISION, TASK_RENAME_BRANCH, JobAnnounced
from events.task import (
    IssueRaised,
    IssueResolved,
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    TaskArchived,
    TaskArchiveRequested,
    TaskCreated,
    TaskFailed,
    TaskKilled,
    TaskKillRequested,
    TaskNamed,
    TaskProvisioned,
    TaskRenamed,
)
from events.task_files import FilesCaptured, FilesOutdated


def evolve(state: TaskState, event: Event, origin: Origin) -> TaskState:
    match state, event:
        case Absent(), TaskCreated():
            return Task(
                task_id=event.task_id,
                organization_id=event.organization_id,
                repository_id=event.repository_id,
                remote_url=event.remote_url,
                title=event.title,
                agent=event.agent,
                model=event.model,
                permissions=event.permissions,
                provider=event.sandbox,
                wanted_branch=event.branch,
                on_branch=event.on_branch,
            )
        case Task(), _:
            return evolve_processes(
                evolve_sessions(_evolve_task(state, event), event, origin), event, origin
            )
        case _:
            return state


def _evolve_task(task: Task, event: Event) -> Task:
    match event:
        case TaskNamed():
            return replace(task, branch=event.branch)
        case TaskRenamed():
            return replace(task, title=event.title)
        case JobAnnounced():
            provision = event.job_id if event.kind == TASK_PROVISION else task.provision_job_id
            renaming = event.kind == TASK_RENAME_BRANCH
            return replace(
                task,
                jobs={**task.jobs, event.kind: event.job_id},
                provision_job_id=provision,
                next_branch=event.input.get("branch") if renaming else task.next_branch,
            )
        case TaskProvisioned():
            status = task.status if task.over else "ready"
            return replace(task, status=status, jobs=_without(task.jobs, TASK_PROVISION))
        case TaskFailed():
            status = task.status if task.over else "failed"
            jobs = {kind: job for kind, job in task.jobs.items() if job != event.job_id}
            return replace(task, status=status, jobs=jobs)
        case TaskArchiveRequested():
            return replace(task, status="archiving")
        case TaskArchived():
            return replace(task, status="archived", jobs=_without(task.jobs, TASK_ARCHIVE))
        case TaskKillRequested():
            return replace(task, status="killing")
        case TaskKilled():
            return replace(task, status="killed", jobs={})
        case SandboxAllocated():
            sandbox = Sandbox(
                id=event.sandbox_id, provider=event.provider, host=event.host, path=event.path
            )
            return replace(task, sandbox=sandbox)
        case SandboxReady() if task.sandbox is not None:
            return replace(task, sandbox=replace(task.sandbox, base=event.base), base=event.base)
        case SandboxReleased():
            return replace(task, sandbox=None)
        case FilesCaptured():
            return replace(task, base=event.base, tree_id=event.tree_id, files_status="fresh")
        case FilesOutdated():
            return replace(task, files_status=event.status)
        case IssueRaised():
            issue = Issue(code=event.code, stage=event.stage, retry_job_id=event.retry_job_id)
            return replace(task, issues={**task.issues, event.issue_id: issue})
        case IssueResolved() if event.issue_id in task.issues:
            issue = replace(task.issues[event.issue_id], open=False)
            return replace(task, issues={**task.issues, event.issue_id: issue})
        # The other facts decide nothing about the task itself.
        case _:
            return task


def _without(jobs: dict[str, JobId], kind: str) -> dict[str, JobId]:
    return {name: job for name, job in jobs.items() if name != kind}
