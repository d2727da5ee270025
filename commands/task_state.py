"""What decisions about a task, and the workers that serve it, need to know of it."""

from typing import Literal, TypeAlias

from msgspec import Struct

from commands.decider import Absent
from events.fact import Attachment
from events.ids import (
    BEGINNING,
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
    Timestamp,
)
from events.task import Permissions

TaskStatus = Literal[
    "provisioning", "ready", "failed", "archiving", "archived", "killing", "killed"
]
SessionStatus = Literal["pending", "ready", "running", "error", "closed"]
MessageFate = Literal["waiting", "delivered", "cancelled"]
ProcessStatus = Literal["queued", "running", "stopping"]
FilesStatus = Literal["none", "fresh", "queued", "running", "stale"]


class Waiting(Struct, frozen=True, kw_only=True):
    """A message that was not handed to the agent yet, who sent it, and the position of the commit that queued it."""

    id: MessageId
    text: str
    attachments: tuple[Attachment, ...]
    command_id: str | None
    actor: str
    at: Timestamp
    position: Position

    @property
    def size(self) -> int:
        """Bytes in UTF-8."""
        return message_size(self.text, self.attachments)


def message_size(text: str, attachments: tuple[Attachment, ...]) -> int:
    """The size of a message with its attachments, in bytes of UTF-8."""
    parts = (part for one in attachments for part in (one.id, one.path, one.text or ""))
    return sum(len(part.encode()) for part in (text, *parts))


class PermissionRequest(Struct, frozen=True, kw_only=True):
    """A question of the agent; `answer` is the option a person chose."""

    options: tuple[str, ...]
    answer: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    """`running` is the message whose turn runs, `queued_position` the position of the commit that queued it.

    `sent` is the position of the last message of each person, `turn_position` that of the end of the last turn.
    """

    id: SessionId
    name: str
    agent: str
    model: str | None
    status: SessionStatus = "pending"
    queue: tuple[Waiting, ...] = ()
    running: MessageId | None = None
    queued_position: Position = BEGINNING
    stop_requested: bool = False
    messages: dict[MessageId, MessageFate] = {}
    requests: dict[str, PermissionRequest] = {}
    sent: dict[str, Position] = {}
    turn_position: Position = BEGINNING


class Sandbox(Struct, frozen=True, kw_only=True):
    """Where the work happens. `base` is known once the repository is checked out in it."""

    id: SandboxId
    provider: str
    host: str
    path: str
    base: str | None = None

    @property
    def ready(self) -> bool:
        return self.base is not None


class Issue(Struct, frozen=True, kw_only=True):
    code: str
    stage: str | None
    retry_job_id: JobId | None
    open: bool = True


class Process(Struct, frozen=True, kw_only=True):
    """A command that runs, or is to run, in the sandbox; somebody's request for it was committed at `position`.

    `stop` is the signal that is to end it.
    """

    command: str
    args: tuple[str, ...]
    position: Position
    status: ProcessStatus = "queued"
    stop: str | None = None


class Task(Struct, frozen=True, kw_only=True):
    """`branch` is set once provisioning settled it; `jobs` are the newest announced by kind.

    `next_branch` is the name the newest job to rename the branch was given. Of processes that have
    `exited` nothing matters any more but that there were these.
    """

    task_id: TaskId
    organization_id: OrganizationId
    repository_id: RepositoryId
    remote_url: str
    title: str
    agent: str
    model: str | None
    permissions: Permissions
    provider: str
    wanted_branch: str | None
    on_branch: str | None
    branch: str | None = None
    status: TaskStatus = "provisioning"
    provision_job_id: JobId | None = None
    sandbox: Sandbox | None = None
    sessions: dict[SessionId, Session] = {}
    jobs: dict[str, JobId] = {}
    next_branch: str | None = None
    processes: dict[ProcessId, Process] = {}
    exited: frozenset[ProcessId] = frozenset()
    issues: dict[IssueId, Issue] = {}
    base: str | None = None
    tree_id: str | None = None
    files_status: FilesStatus = "none"

    @property
    def busy(self) -> bool:
        """Whether something goes on in it: provisioning, a turn or one that waits, its clearing away."""
        if self.status in ("provisioning", "archiving", "killing"):
            return True
        return self.status == "ready" and any(
            session.running or (session.queue and session.status in ("pending", "ready"))
            for session in self.sessions.values()
        )

    @property
    def in_turn(self) -> bool:
        """Whether an agent works on a message at this moment."""
        return any(session.running is not None for session in self.sessions.values())

    @property
    def over(self) -> bool:
        """Whether nothing may be worked on in it any more."""
        return self.status in ("archiving", "archived", "killing", "killed")


TaskState: TypeAlias = Absent | Task
