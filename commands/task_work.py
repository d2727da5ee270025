"""Commands about the work of a task: push, merge or rename its branch, revert one of its files. All are done by jobs."""

from typing import assert_never

from commands.context import Context
from commands.owners import task_owners
from commands.refusals import check_branch, wrong
from commands.task_commands import (
    ArchiveTask,
    BranchCommand,
    KillTask,
    MergeTask,
    PushTask,
    RenameBranch,
    RevertFile,
)
from commands.task_state import Task
from events.commit import Event
from events.ids import JobId
from events.job import (
    TASK_ARCHIVE,
    TASK_KILL,
    TASK_MERGE,
    TASK_PUSH,
    TASK_RENAME_BRANCH,
    TASK_REVERT_FILE,
    JobAnnounced,
)
from events.task import IssueResolved
from runtime.errors import Rejected


def decide_work(task: Task, command: BranchCommand, context: Context) -> list[Event]:
    match command:
        case PushTask():
            return _once(task, TASK_PUSH, context)
        case MergeTask():
            return _once(task, TASK_MERGE, context)
        case RenameBranch():
            return _rename(task, command, context)
        case RevertFile():
            return _revert(task, command, context)
        case _:
            assert_never(command)


def standing_job(task: Task, command: object) -> JobId | None:
    """The newest job of the kind a command asks for, for commands of which one job at a time is enough.

    Whether it still runs only its own history tells: it may have ended or been cancelled.
    """
    match command:
        case ArchiveTask():
            return task.jobs.get(TASK_ARCHIVE)
        case KillTask():
            return task.jobs.get(TASK_KILL)
        case PushTask():
            return task.jobs.get(TASK_PUSH)
        case MergeTask():
            return task.jobs.get(TASK_MERGE)
        case RenameBranch():
            return task.jobs.get(TASK_RENAME_BRANCH)
        case _:
            return None


def still_open(task: Task, kind: str, context: Context) -> bool:
    """Whether the standing job of a kind has not ended. Its own history is the `job` of the context."""
    # A job whose own history is still empty was announced a moment ago.
    return kind in task.jobs and (context.job is None or context.job.open)


def check_workable(task: Task) -> None:
    """Raises `Rejected` while there is no sandbox to work in."""
    if task.status in ("killing", "killed"):
        raise Rejected(
            "The task is killed, its sandbox and its branch are gone; create a new one.",
            code="task_over",
        )
    if task.over:
        raise Rejected(
            "The task has been put away, its sandbox is gone; create another task on its branch.",
            code="task_over",
        )
    if task.status == "failed":
        raise Rejected(
            "The preparation of the task failed; take its job up again with job.retry and wait.",
            code="not_ready",
        )
    if task.status != "ready" or task.sandbox is None or not task.sandbox.ready:
        raise Rejected("The sandbox of the task is not ready; wait for it.", code="not_ready")


def check_no_turn(task: Task) -> None:
    """Raises `Rejected` while an agent is at work on the branch."""
    if task.in_turn:
        raise Rejected(
            "An agent is at work on the branch; wait for the end of its turn or stop it.",
            code="turn_running",
        )


def announced(task: Task, kind: str, context: Context, **details: str) -> JobAnnounced:
    """The fact that announces a job for the task; `details` are the job's input."""
    return JobAnnounced(
        **task_owners(task), job_id=JobId(context.id("job")), kind=kind, input=details
    )


def begun_anew(task: Task, kind: str, context: Context, **details: str) -> list[Event]:
    """The facts that announce a job, for the first time or once more.

    A new job makes the retry of the last one impossible, so the issue that offered that retry is settled.
    """
    last = task.jobs.get(kind)
    settled = [
        IssueResolved(**task_owners(task), issue_id=issue_id)
        for issue_id, issue in task.issues.items()
        if issue.open and last is not None and issue.retry_job_id == last
    ]
    return [announced(task, kind, context, **details), *settled]


def _once(task: Task, kind: str, context: Context) -> list[Event]:
    if still_open(task, kind, context):
        return []
    _check_still(task)
    return begun_anew(task, kind, context, **_of_remote(task))


def _rename(task: Task, command: RenameBranch, context: Context) -> list[Event]:
    check_branch("/branch", command.branch)
    if still_open(task, TASK_RENAME_BRANCH, context):
        if task.next_branch == command.branch:
            return []
        raise Rejected(
            f"The branch is being renamed to {task.next_branch}; wait for that.", code="job_open"
        )
    check_workable(task)
    if task.branch == command.branch:
        return []
    _check_still(task)
    return begun_anew(task, TASK_RENAME_BRANCH, context, branch=command.branch, **_of_remote(task))


def _revert(task: Task, command: RevertFile, context: Context) -> list[Event]:
    _check_path(command.path)
    reverting = announced(task, TASK_REVERT_FILE, context, path=command.path)
    # Several files may be reverted at once; only the very same command says nothing new.
    if task.jobs.get(TASK_REVERT_FILE) == reverting.job_id:
        return []
    check_workable(task)
    return [reverting]


def _of_remote(task: Task) -> dict[str, str]:
    """Named for the worker, which leaves no host that never answers all places."""
    return {"remote_url": task.remote_url}


def _check_still(task: Task) -> None:
    check_workable(task)
    check_no_turn(task)


def _check_path(path: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise wrong("/path", "A file is named by its path inside the repository.")
