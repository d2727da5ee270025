"""Builders for the facts about tasks and their sandboxes."""

from events.ids import JobId, RepositoryId, SandboxId, TaskId
from events.task import (
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
from tests.facts.town import JOB, ORGANIZATION, REPOSITORY, SANDBOX, STAGES, TASK


def task_created(
    task: TaskId = TASK,
    *,
    title: str = "Fix login",
    prompt: str = "Please fix the login.",
    on_branch: str | None = None,
    repository: RepositoryId = REPOSITORY,
) -> TaskCreated:
    return TaskCreated(
        task_id=task,
        organization_id=ORGANIZATION,
        repository_id=repository,
        remote_url="https://example.com/acme/web.git",
        title=title,
        prompt=prompt,
        agent="shell",
        sandbox="local",
        permissions="ask",
        on_branch=on_branch,
    )


class OwnersOfTask:
    def __init__(self, task: TaskId) -> None:
        self.task_id = task
        self.organization_id = ORGANIZATION
        self.repository_id = REPOSITORY


def task_named(task: TaskId = TASK, branch: str = "fix-login") -> TaskNamed:
    return TaskNamed(**vars(OwnersOfTask(task)), branch=branch)


def task_renamed(task: TaskId = TASK, title: str = "Mend login") -> TaskRenamed:
    return TaskRenamed(**vars(OwnersOfTask(task)), title=title)


def task_provisioned(task: TaskId = TASK, job: JobId = JOB) -> TaskProvisioned:
    return TaskProvisioned(**vars(OwnersOfTask(task)), job_id=job)


def task_failed(task: TaskId = TASK, job: JobId = JOB, message: str = "disk full") -> TaskFailed:
    return TaskFailed(**vars(OwnersOfTask(task)), job_id=job, stage=STAGES[0], message=message)


def task_archive_requested(task: TaskId = TASK) -> TaskArchiveRequested:
    return TaskArchiveRequested(**vars(OwnersOfTask(task)))


def task_archived(task: TaskId = TASK) -> TaskArchived:
    return TaskArchived(**vars(OwnersOfTask(task)))


def task_kill_requested(task: TaskId = TASK) -> TaskKillRequested:
    return TaskKillRequested(**vars(OwnersOfTask(task)))


def task_killed(task: TaskId = TASK) -> TaskKilled:
    return TaskKilled(**vars(OwnersOfTask(task)))


def sandbox_allocated(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxAllocated:
    return SandboxAllocated(
        **vars(OwnersOfTask(task)),
        sandbox_id=sandbox,
        provider="local",
        host="h1",
        path="/sandboxes/1",
    )


def sandbox_ready(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxReady:
    return SandboxReady(**vars(OwnersOfTask(task)), sandbox_id=sandbox, base="b1")


def sandbox_released(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxReleased:
    return SandboxReleased(**vars(OwnersOfTask(task)), sandbox_id=sandbox, branch_kept=True)
