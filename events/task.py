"""Facts about a task: its name, sandbox, agent sessions with their messages and turns, files, processes, issues."""

from typing import Literal

from msgspec import Struct, field

from events.fact import Attachment, Blob, Fact
from events.ids import (
    IssueId,
    JobId,
    MessageId,
    OrganizationId,
    Position,
    ProcessId,
    RepositoryId,
    SandboxId,
    SessionId,
    TaskId,
)

Permissions = Literal["ask", "allow", "deny"]
StopReason = Literal[
    "end_turn",
    "max_tokens",
    "max_turn_requests",
    "refusal",
    "cancelled",
    "interrupted",
    "error",
]


SURVIVABLE = frozenset({"SIGINT", "SIGHUP", "SIGQUIT"})
"""Signals a process may take and go on; the others end it for certain."""


class TaskFact(Fact, frozen=True, kw_only=True):
    """The owners of the task stand in each of its facts, so that no reader has to look them up."""

    task_id: TaskId
    organization_id: OrganizationId
    repository_id: RepositoryId


# --- The task itself ---


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


# --- Its sandbox ---


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


# --- Its agent sessions ---


class AgentSessionCreated(TaskFact, frozen=True, kw_only=True, tag="agent_session_created"):
    session_id: SessionId
    name: str
    agent: str
    model: str | None = None


class AgentSessionReady(TaskFact, frozen=True, kw_only=True, tag="agent_session_ready"):
    session_id: SessionId


class AgentSessionFailed(TaskFact, frozen=True, kw_only=True, tag="agent_session_failed"):
    session_id: SessionId
    message: str


class AgentSessionRenamed(TaskFact, frozen=True, kw_only=True, tag="agent_session_renamed"):
    session_id: SessionId
    name: str


class AgentSessionModelChanged(
    TaskFact, frozen=True, kw_only=True, tag="agent_session_model_changed"
):
    session_id: SessionId
    model: str


class AgentSessionStopRequested(
    TaskFact, frozen=True, kw_only=True, tag="agent_session_stop_requested"
):
    """The running turn is to be cancelled."""

    session_id: SessionId
    message_id: MessageId


class AgentSessionClosed(TaskFact, frozen=True, kw_only=True, tag="agent_session_closed"):
    session_id: SessionId


class MessageQueued(TaskFact, frozen=True, kw_only=True, tag="message_queued"):
    session_id: SessionId
    message_id: MessageId
    text: str
    attachments: tuple[Attachment, ...] = ()


class MessageCancelled(TaskFact, frozen=True, kw_only=True, tag="message_cancelled"):
    session_id: SessionId
    message_id: MessageId


class MessageDelivered(TaskFact, frozen=True, kw_only=True, tag="message_delivered"):
    """Stored before the hand-over: from here on the message is never handed to an agent again."""

    session_id: SessionId
    message_id: MessageId


class TurnEnded(TaskFact, frozen=True, kw_only=True, tag="turn_ended"):
    """`transcript_version` is the position of the turn's last transcript commit, which is stored already."""

    session_id: SessionId
    message_id: MessageId
    stop_reason: StopReason
    transcript_version: Position
    error: str | None = None


class PermissionOption(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: str


class PermissionRequested(TaskFact, frozen=True, kw_only=True, tag="permission_requested"):
    session_id: SessionId
    request_id: str
    title: str
    options: tuple[PermissionOption, ...]


class PermissionAnswered(TaskFact, frozen=True, kw_only=True, tag="permission_answered"):
    session_id: SessionId
    request_id: str
    option_id: str


# --- Its files ---


class ChangedFile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file that differs from the task's base. `diff` or `diff_blob` holds its patch, `content` its new text."""

    path: str
    kind: Literal["added", "modified", "deleted", "renamed"]
    added: int
    removed: int
    binary: bool = False
    diff: str | None = None
    diff_blob: Blob | None = None
    content: str | None = None
    content_blob: Blob | None = None


class TreeFile(Struct, frozen=True, kw_only=True):
    path: str
    size: int


class TreeChanged(TaskFact, frozen=True, kw_only=True, tag="tree_changed"):
    """What differs from the file tree captured before; a long list is spread over several commits."""

    put: tuple[TreeFile, ...] = ()
    removed: tuple[str, ...] = ()


class FilesCaptured(TaskFact, frozen=True, kw_only=True, tag="files_captured"):
    """The git state after a turn or on request: every file that differs between `base` and the tree `tree_id`."""

    base: str
    tree_id: str
    files: tuple[ChangedFile, ...]


class FilesOutdated(TaskFact, frozen=True, kw_only=True, tag="files_outdated"):
    """Something may have changed since the last capture; another one is `queued` or `running`."""

    status: Literal["queued", "running", "stale"]


# --- Its processes ---


class ProcessRequested(TaskFact, frozen=True, kw_only=True, tag="process_requested"):
    process_id: ProcessId
    command: str
    args: tuple[str, ...] = ()


class ProcessStarted(TaskFact, frozen=True, kw_only=True, tag="process_started"):
    process_id: ProcessId


class ProcessOutput(TaskFact, frozen=True, kw_only=True, tag="process_output"):
    """The newest end of what the process printed."""

    process_id: ProcessId
    tail: str


class ProcessInput(TaskFact, frozen=True, kw_only=True, tag="process_input"):
    """Text for the standard input of the process."""

    process_id: ProcessId
    text: str


class ProcessStopRequested(TaskFact, frozen=True, kw_only=True, tag="process_stop_requested"):
    process_id: ProcessId
    signal: str


class ProcessExited(TaskFact, frozen=True, kw_only=True, tag="process_exited"):
    """`exit_code` is negative for a signal, None when nobody could see the end."""

    process_id: ProcessId
    exit_code: int | None


# --- Its issues ---


class IssueRaised(TaskFact, frozen=True, kw_only=True, tag="issue_raised"):
    """Something a person should know of or mend; `retry_job_id` names the job that `job.retry` would take up."""

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
