"""What workers report about a task: decided like commands, so that a report which no longer fits changes nothing.

Each function answers the facts to append; `[]` means "already so, or no longer wanted". `Rejected`
means that the worker should stop what it does for this task.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from commands.owners import task_owners
from commands.task_state import Issue, Sandbox, Task, TaskState
from events.ids import IssueId, JobId, SandboxId, derive_id
from events.task import (
    IssueRaised,
    IssueResolved,
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    TaskArchived,
    TaskEvent,
    TaskFailed,
    TaskKilled,
    TaskNamed,
    TaskProvisioned,
)
from events.task_files import ChangedFile, FilesCaptured, FilesOutdated, TreeChanged, TreeFile
from runtime.errors import Rejected

# --- Provisioning ---


def task_named(task: TaskState, *, branch: str) -> list[TaskEvent]:
    match task:
        case Task() if task.branch != branch:
            return [TaskNamed(**task_owners(task), branch=branch)]
        case _:
            return []


def sandbox_allocated(
    task: TaskState, *, sandbox_id: SandboxId, provider: str, host: str, path: str
) -> list[TaskEvent]:
    wanted = _still_wanted(task)
    if wanted.sandbox is not None and wanted.sandbox.id == sandbox_id:
        return []
    if wanted.sandbox is not None:
        raise Rejected("The task has another sandbox; release this one.", code="sandbox_exists")
    return [
        SandboxAllocated(
            **task_owners(wanted), sandbox_id=sandbox_id, provider=provider, host=host, path=path
        )
    ]


def sandbox_ready(task: TaskState, *, sandbox_id: SandboxId, base: str) -> list[TaskEvent]:
    wanted = _still_wanted(task)
    if wanted.sandbox is None or wanted.sandbox.id != sandbox_id:
        raise Rejected("The task has no such sandbox; release this one.", code="sandbox_gone")
    if wanted.sandbox.base == base:
        return []
    return [SandboxReady(**task_owners(wanted), sandbox_id=sandbox_id, base=base)]


def sandbox_released(
    task: TaskState, *, sandbox_id: SandboxId, branch_kept: bool
) -> list[TaskEvent]:
    match task:
        case Task(sandbox=sandbox) if sandbox is not None and sandbox.id == sandbox_id:
            owners = task_owners(task)
            # A look at its files that still waits will find nothing to look at.
            waits = task.files_status in ("queued", "running")
            given_up = files_outdated(task, status="stale") if waits else []
            released = SandboxReleased(**owners, sandbox_id=sandbox_id, branch_kept=branch_kept)
            return [*given_up, released]
        case _:
            return []


def task_provisioned(task: TaskState, *, job_id: JobId) -> list[TaskEvent]:
    """The task can be worked with; the issues its job raised are settled by that."""
    match task:
        case Task(status="provisioning" | "failed"):
            settled = _resolved(task, lambda issue: issue.retry_job_id == job_id)
            return [TaskProvisioned(**task_owners(task), job_id=job_id), *settled]
        case _:
            return []


def task_failed(
    task: TaskState, *, job_id: JobId, stage: str, message: str, issue_id: IssueId, code: str
) -> list[TaskEvent]:
    """A job the task cannot do without failed for good: says so, and raises the issue that offers its retry."""
    failed: list[TaskEvent]
    match task:
        case Task(status="provisioning"):
            failed = [TaskFailed(**task_owners(task), job_id=job_id, stage=stage, message=message)]
        case Task(status="failed"):
            # A retry failed too: that is for the job's own history to say.
            failed = []
        case _:
            return []
    raised = issue_raised(
        task, issue_id=issue_id, code=code, message=message, stage=stage, retry_job_id=job_id
    )
    return [*failed, *raised]


# --- Its end ---


def task_archived(task: TaskState) -> list[TaskEvent]:
    """The task is archived; all its open issues are settled, as they matter to nobody any more."""
    match task:
        case Task(status="archiving"):
            return [TaskArchived(**task_owners(task)), *_resolved(task)]
        case _:
            return []


def task_killed(task: TaskState) -> list[TaskEvent]:
    """As `task_archived`."""
    match task:
        case Task(status="killing"):
            return [TaskKilled(**task_owners(task)), *_resolved(task)]
        case _:
            return []


# --- Its files ---


def tree_changed(
    task: TaskState, *, put: Sequence[TreeFile] = (), removed: Sequence[str] = ()
) -> list[TaskEvent]:
    """One piece of a long list of tree differences, committed before the capture it belongs to."""
    match task:
        case Task() if put or removed:
            return [TreeChanged(**task_owners(task), put=tuple(put), removed=tuple(removed))]
        case _:
            return []


def files_captured(
    task: TaskState,
    *,
    base: str,
    tree_id: str,
    files: Sequence[ChangedFile],
    omitted: int = 0,
    tree_omitted: int = 0,
    put: Sequence[TreeFile] = (),
    removed: Sequence[str] = (),
) -> list[TaskEvent]:
    """The git state now; `[]` when the task is known to be in this very state already."""
    match task:
        case Task(base=known, files_status="fresh") if (known, task.tree_id) == (base, tree_id):
            return []
        case Task():
            captured = FilesCaptured(
                **task_owners(task),
                base=base,
                tree_id=tree_id,
                files=tuple(files),
                omitted=omitted,
                tree_omitted=tree_omitted,
            )
            return [*tree_changed(task, put=put, removed=removed), captured]
        case _:
            return []


def files_outdated(
    task: TaskState, *, status: Literal["queued", "running", "stale"]
) -> list[TaskEvent]:
    match task:
        case Task() if task.files_status != status:
            return [FilesOutdated(**task_owners(task), status=status)]
        case _:
            return []


# --- Its issues ---


def issue_raised(
    task: TaskState,
    *,
    issue_id: IssueId,
    code: str,
    message: str,
    stage: str | None = None,
    retry_job_id: JobId | None = None,
) -> list[TaskEvent]:
    """`[]` also for a task that has been put away: nobody could do anything about it."""
    match task:
        case Task(status="archived" | "killed"):
            return []
        case Task() if not _says(task.issues.get(issue_id), code):
            # A job that was taken up again got past the stage where an earlier try had stopped.
            passed = _resolved(
                task, lambda issue: issue.retry_job_id == retry_job_id and issue.stage != stage
            )
            raised = IssueRaised(
                **task_owners(task),
                issue_id=issue_id,
                code=code,
                message=message,
                stage=stage,
                retry_job_id=retry_job_id,
            )
            return [*passed, raised]
        case _:
            return []


def issue_resolved(task: TaskState, *, issue_id: IssueId) -> list[TaskEvent]:
    match task:
        case Task() if _is_open(task.issues.get(issue_id)):
            return [IssueResolved(**task_owners(task), issue_id=issue_id)]
        case _:
            return []


def sandbox_gone(task: TaskState) -> list[TaskEvent]:
    """The working tree was found missing although the task was neither archived nor killed: said once, with the remedy."""
    match task:
        case Task(sandbox=Sandbox() as sandbox) if not task.over:
            return issue_raised(
                task,
                issue_id=IssueId(derive_id("iss", task.task_id, sandbox.id, "sandbox_gone")),
                code="sandbox_gone",
                message=f"The folder {sandbox.path} is gone: something removed it, most likely a"
                " command in the task itself. What was committed is on its branch: archive the"
                " task and create another one on that branch.",
            )
        case _:
            return []


def issues_settled(task: TaskState, *, stages: Collection[str]) -> list[TaskEvent]:
    """The issues raised at these stages are settled, because the stages succeeded."""
    match task:
        case Task():
            return _resolved(task, lambda issue: issue.stage in stages)
        case _:
            return []


def _resolved(task: Task, which: Callable[[Issue], bool] = lambda issue: True) -> list[TaskEvent]:
    return [
        IssueResolved(**task_owners(task), issue_id=issue_id)
        for issue_id, issue in task.issues.items()
        if issue.open and which(issue)
    ]


def _is_open(issue: Issue | None) -> bool:
    return issue is not None and issue.open


def _says(issue: Issue | None, code: str) -> bool:
    return issue is not None and issue.open and issue.code == code


def _still_wanted(task: TaskState) -> Task:
    match task:
        case Task() if not task.over:
            return task
        case _:
            raise Rejected("The task is being put away; stop working for it.", code="task_over")
