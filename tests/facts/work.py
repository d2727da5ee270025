"""Builders for the facts about what a task works on: files, processes, issues."""

from events.ids import IssueId, ProcessId, TaskId
from events.process import (
    ProcessExited,
    ProcessInput,
    ProcessOutput,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
)
from events.task import IssueRaised, IssueResolved
from events.task_files import ChangedFile, FilesCaptured, FilesOutdated, TreeChanged, TreeFile
from tests.facts.tasks import OwnersOfTask
from tests.facts.town import ISSUE, JOB, PROCESS, STAGES, TASK


def changed_file(path: str = "a.py", added: int = 2, removed: int = 1) -> ChangedFile:
    return ChangedFile(
        path=path, kind="modified", added=added, removed=removed, diff=f"+{path}", content="x\n"
    )


def files_captured(
    task: TaskId = TASK,
    *,
    files: tuple[ChangedFile, ...] = (),
    tree_id: str = "t1",
    omitted: int = 0,
    tree_omitted: int = 0,
) -> FilesCaptured:
    return FilesCaptured(
        **vars(OwnersOfTask(task)),
        base="b1",
        tree_id=tree_id,
        files=files,
        omitted=omitted,
        tree_omitted=tree_omitted,
    )


def files_outdated(task: TaskId = TASK) -> FilesOutdated:
    return FilesOutdated(**vars(OwnersOfTask(task)), status="queued")


def tree_changed(
    task: TaskId = TASK, *, put: tuple[str, ...] = (), removed: tuple[str, ...] = ()
) -> TreeChanged:
    files = tuple(TreeFile(path=path, size=len(path)) for path in put)
    return TreeChanged(**vars(OwnersOfTask(task)), put=files, removed=removed)


def process_requested(task: TaskId = TASK, process: ProcessId = PROCESS) -> ProcessRequested:
    return ProcessRequested(
        **vars(OwnersOfTask(task)), process_id=process, command="make", args=("test",)
    )


def process_started(task: TaskId = TASK, process: ProcessId = PROCESS) -> ProcessStarted:
    return ProcessStarted(**vars(OwnersOfTask(task)), process_id=process)


def process_output(
    task: TaskId = TASK, process: ProcessId = PROCESS, tail: str = "ok\n"
) -> ProcessOutput:
    return ProcessOutput(**vars(OwnersOfTask(task)), process_id=process, tail=tail)


def process_input(
    task: TaskId = TASK, process: ProcessId = PROCESS, text: str = "y\n"
) -> ProcessInput:
    return ProcessInput(**vars(OwnersOfTask(task)), process_id=process, text=text)


def process_stop_requested(
    task: TaskId = TASK, process: ProcessId = PROCESS, signal: str = "SIGTERM"
) -> ProcessStopRequested:
    return ProcessStopRequested(**vars(OwnersOfTask(task)), process_id=process, signal=signal)


def process_exited(
    task: TaskId = TASK, process: ProcessId = PROCESS, exit_code: int | None = 0
) -> ProcessExited:
    return ProcessExited(**vars(OwnersOfTask(task)), process_id=process, exit_code=exit_code)


def issue_raised(
    task: TaskId = TASK, issue: IssueId = ISSUE, code: str = "stage_failed"
) -> IssueRaised:
    return IssueRaised(
        **vars(OwnersOfTask(task)),
        issue_id=issue,
        code=code,
        message="disk full",
        stage=STAGES[0],
        retry_job_id=JOB,
    )


def issue_resolved(task: TaskId = TASK, issue: IssueId = ISSUE) -> IssueResolved:
    return IssueResolved(**vars(OwnersOfTask(task)), issue_id=issue)
