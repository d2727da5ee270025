"""Facts about a task itself and its sandbox; `TaskEvent` is what its history can hold beside the announcements of jobs."""

from typing import Literal

from msgspec import field

from events.agent_session import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionFailed,
    AgentSessionModelChanged,
    AgentSessionReady,
    AgentSessionRenamed,
    AgentSessionStopRequested,
    MessageCancelled,
    MessageDelivered,
    MessageQueued,
    PermissionAnswered,
    PermissionRequested,
    TurnEnded,
)
from events.fact import TaskFact
from events.ids import IssueId, JobId, SandboxId
from events.process import (
    ProcessExited,
    ProcessInput,
    ProcessOutput,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
)
from events.task_files import FilesCaptured, FilesOutdated, TreeChanged

Permissions = Literal["ask", "allow", "deny"]


class TaskCreated(TaskFact, frozen=True, kw_only=True, tag="task_created"):
    """`branch` is the wanted name of a new branch, `on_branch` an existing one to work on; at most one is set."""

    remote_url: str
    title: str
    prompt: str
    agent: str
    sandbox: str
    permissions: Permissions
    model: str | None = None
    branch: str | None = None
    on_branch: str | None = None


class TaskNamed(TaskFact, frozen=True, kw_only=True, tag="task_named"):
    """The branch of the task: settled by its provisioning, or renamed later."""

    branch: str


class TaskRenamed(TaskFact, frozen=True, kw_only=True, tag="task_renamed"):
    title: str


class TaskProvisioned(TaskFact, frozen=True, kw_only=True, tag="task_provisioned"):
    """The sandbox and the first session are there: the task can be worked with."""

    job_id: JobId


class TaskFailed(TaskFact, frozen=True, kw_only=True, tag="task_failed"):
    """A job the task cannot do without failed for good at `stage`."""

    job_id: JobId
    stage: str
    message: str


class TaskArchiveRequested(TaskFact, frozen=True, kw_only=True, tag="task_archive_requested"):
    pass


class TaskArchived(TaskFact, frozen=True, kw_only=True, tag="task_archived"):
    pass


class TaskKillRequested(TaskFact, frozen=True, kw_only=True, tag="task_kill_requested"):
    pass


class TaskKilled(TaskFact, frozen=True, kw_only=True, tag="task_killed"):
    pass


class SandboxAllocated(TaskFact, frozen=True, kw_only=True, tag="sandbox_allocated"):
    """From now on work on this sandbox belongs to `host`."""

    sandbox_id: SandboxId
    provider: str
    host: str
    path: str


class SandboxReady(TaskFact, frozen=True, kw_only=True, tag="sandbox_ready"):
    """The repository is checked out in it: `base` is the commit the branch started from."""

    sandbox_id: SandboxId
    base: str


class SandboxReleased(TaskFact, frozen=True, kw_only=True, tag="sandbox_released"):
    """Its processes and its working tree are gone; `branch_kept` tells whether the branch is still there."""

    sandbox_id: SandboxId
    branch_kept: bool


class IssueRaised(TaskFact, frozen=True, kw_only=True, tag="issue_raised"):
    """Something a person should know of or mend; `retry_job_id` names the job that `job.retry` would take up.

    `input` is never set; it is part of the stored shape, so it stays.
    """

    issue_id: IssueId
    code: str
    message: str
    stage: str | None = None
    retry_job_id: JobId | None = None
    input: dict[str, str] = field(default_factory=dict)


class IssueResolved(TaskFact, frozen=True, kw_only=True, tag="issue_resolved"):
    issue_id: IssueId


TaskEvent = (
    TaskCreated
    | TaskNamed
    | TaskRenamed
    | TaskProvisioned
    | TaskFailed
    | TaskArchiveRequested
    | TaskArchived
    | TaskKillRequested
    | TaskKilled
    | SandboxAllocated
    | SandboxReady
    | SandboxReleased
    | AgentSessionCreated
    | AgentSessionReady
    | AgentSessionFailed
    | AgentSessionRenamed
    | AgentSessionModelChanged
    | AgentSessionStopRequested
    | AgentSessionClosed
    | MessageQueued
    | MessageCancelled
    | MessageDelivered
    | TurnEnded
    | PermissionRequested
    | PermissionAnswered
    | TreeChanged
    | FilesCaptured
    | FilesOutdated
    | ProcessRequested
    | ProcessStarted
    | ProcessOutput
    | ProcessInput
    | ProcessStopRequested
    | ProcessExited
    | IssueRaised
    | IssueResolved
)
