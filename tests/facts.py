"""One builder per event, so that a new field touches one line. All of them happen to one organization, unless told otherwise."""

from events.commit import CommandRef, Commit, Event
from events.fact import Attachment
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
    Timestamp,
    TokenId,
    UserId,
)
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobCancelRequested,
    JobFailed,
    JobOpened,
    JobRetryRequested,
    JobStarted,
    JobSucceeded,
    StageFailed,
    StageStarted,
    StageSucceeded,
)
from events.organization import (
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    OrganizationCreated,
    OrganizationUpdated,
    RepositoryAdded,
    RepositoryRemoved,
    Role,
)
from events.repository import Branch, RepositorySynced, RepositorySyncFailed
from events.task import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionFailed,
    AgentSessionModelChanged,
    AgentSessionReady,
    AgentSessionRenamed,
    AgentSessionStopRequested,
    ChangedFile,
    FilesCaptured,
    FilesOutdated,
    IssueRaised,
    IssueResolved,
    MessageCancelled,
    MessageDelivered,
    MessageQueued,
    PermissionAnswered,
    PermissionOption,
    PermissionRequested,
    ProcessExited,
    ProcessOutput,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    StopReason,
    TaskArchived,
    TaskArchiveRequested,
    TaskCreated,
    TaskFailed,
    TaskKilled,
    TaskKillRequested,
    TaskNamed,
    TaskProvisioned,
    TaskRenamed,
    TreeChanged,
    TreeFile,
    TurnEnded,
)
from events.transcript import EntriesAppended, Entry, Sender
from events.user import (
    AppSessionEnded,
    AppSessionStarted,
    DraftUpdated,
    OrganizationSelected,
    SessionUnreadSet,
    TaskSelected,
    TokenCreated,
    TokenRevoked,
    UserCreated,
)

ANNA, BERT = UserId("usr_anna"), UserId("usr_bert")
ORGANIZATION = OrganizationId("org_1")
REPOSITORY = RepositoryId("repo_1")
TASK = TaskId("task_1")
SESSION = SessionId("ses_1")
MESSAGE = MessageId("msg_1")
SANDBOX = SandboxId("sbx_1")
PROCESS = ProcessId("proc_1")
ISSUE = IssueId("iss_1")
JOB = JobId("job_1")
SYNC_JOB = JobId("job_sync")

STAGES = (
    "name_ensured",
    "sandbox_allocated",
    "repository_prepared",
    "agent_installed",
    "agent_started",
    "session_created",
)
WORKER = "worker"


def commit(
    *events: Event, at: int = 1000, actor: str = ANNA, command_id: str | None = None
) -> Commit:
    return Commit(
        at=Timestamp(at),
        actor=actor,
        events=events,
        organization_id=getattr(events[0], "organization_id", None),
        command=CommandRef(id=command_id, name="some.command", digest="d") if command_id else None,
    )


# --- Users ---


def user_created(user: UserId = ANNA, name: str = "Anna") -> UserCreated:
    return UserCreated(user_id=user, name=name)


def token_created(user: UserId = ANNA, token: str = "tok_1") -> TokenCreated:
    return TokenCreated(user_id=user, token_id=TokenId(token), hash="00")


def token_revoked(user: UserId = ANNA, token: str = "tok_1") -> TokenRevoked:
    return TokenRevoked(user_id=user, token_id=TokenId(token))


def app_session_started(user: UserId = ANNA) -> AppSessionStarted:
    return AppSessionStarted(
        user_id=user, app_session_id="a1", hash="00", expires_at=Timestamp(10**12)
    )


def app_session_ended(user: UserId = ANNA) -> AppSessionEnded:
    return AppSessionEnded(user_id=user, app_session_id="a1")


def organization_selected(
    user: UserId = ANNA, organization: OrganizationId = ORGANIZATION
) -> OrganizationSelected:
    return OrganizationSelected(user_id=user, organization_id=organization)


def task_selected(user: UserId = ANNA, task: TaskId = TASK) -> TaskSelected:
    return TaskSelected(user_id=user, organization_id=ORGANIZATION, task_id=task)


def session_unread_set(
    user: UserId = ANNA, task: TaskId = TASK, session: SessionId = SESSION, *, unread: bool = True
) -> SessionUnreadSet:
    return SessionUnreadSet(
        user_id=user, organization_id=ORGANIZATION, task_id=task, session_id=session, unread=unread
    )


def draft_updated(
    user: UserId = ANNA,
    task: TaskId = TASK,
    session: SessionId = SESSION,
    *,
    text: str = "half a thought",
    attachments: tuple[Attachment, ...] = (),
) -> DraftUpdated:
    return DraftUpdated(
        user_id=user,
        organization_id=ORGANIZATION,
        task_id=task,
        session_id=session,
        text=text,
        attachments=attachments,
    )


# --- Organizations ---


def organization_created(
    organization: OrganizationId = ORGANIZATION, owner: UserId = ANNA
) -> OrganizationCreated:
    return OrganizationCreated(
        organization_id=organization, name="Acme", owner_id=owner, owner_name="Anna"
    )


def organization_updated(
    name: str | None = None, default_agent: str | None = None, default_model: str | None = None
) -> OrganizationUpdated:
    return OrganizationUpdated(
        organization_id=ORGANIZATION,
        name=name,
        default_agent=default_agent,
        default_model=default_model,
    )


def member_added(user: UserId = BERT, name: str = "Bert", role: Role = "member") -> MemberAdded:
    return MemberAdded(organization_id=ORGANIZATION, user_id=user, name=name, role=role)


def member_role_set(user: UserId = BERT, role: Role = "admin") -> MemberRoleSet:
    return MemberRoleSet(organization_id=ORGANIZATION, user_id=user, role=role)


def member_removed(user: UserId = BERT) -> MemberRemoved:
    return MemberRemoved(organization_id=ORGANIZATION, user_id=user)


def repository_added(
    repository: RepositoryId = REPOSITORY, organization: OrganizationId = ORGANIZATION
) -> RepositoryAdded:
    return RepositoryAdded(
        organization_id=organization,
        repository_id=repository,
        name="web",
        remote_url="https://example.com/acme/web.git",
        address="example.com/acme/web",
    )


def repository_removed(repository: RepositoryId = REPOSITORY) -> RepositoryRemoved:
    return RepositoryRemoved(organization_id=ORGANIZATION, repository_id=repository)


def repository_synced(
    *branches: Branch, repository: RepositoryId = REPOSITORY, default_branch: str | None = "main"
) -> RepositorySynced:
    return RepositorySynced(
        organization_id=ORGANIZATION,
        repository_id=repository,
        job_id=SYNC_JOB,
        default_branch=default_branch,
        branches=branches,
    )


def branch(name: str = "main", sha: str = "a1") -> Branch:
    return Branch(name=name, sha=sha, ahead=0, behind=0, conflicts=False)


def repository_sync_failed(message: str = "no such host") -> RepositorySyncFailed:
    return RepositorySyncFailed(
        organization_id=ORGANIZATION, repository_id=REPOSITORY, job_id=SYNC_JOB, message=message
    )


# --- Jobs ---


class OfTask:
    """The owners of a job that is done for a task."""

    def __init__(self, task: TaskId = TASK, job: JobId = JOB, kind: str = "task_provision") -> None:
        self.job_id, self.kind, self.task_id = job, kind, task
        self.repository_id: RepositoryId | None = REPOSITORY


class OfRepository:
    """The owners of a job that is done for a repository."""

    def __init__(self, job: JobId = SYNC_JOB, repository: RepositoryId | None = REPOSITORY) -> None:
        self.job_id, self.kind, self.repository_id = job, "repository_sync", repository
        self.task_id: TaskId | None = None


Owned = OfTask | OfRepository
OF_TASK = OfTask()


def job_announced(of: Owned = OF_TASK) -> JobAnnounced:
    return JobAnnounced(**vars(of), organization_id=ORGANIZATION)


def job_opened(of: Owned = OF_TASK, *, stages: tuple[str, ...] = STAGES) -> JobOpened:
    return JobOpened(
        **vars(of), organization_id=ORGANIZATION, stages=stages, announced_at=Timestamp(1000)
    )


def job_started(of: Owned = OF_TASK) -> JobStarted:
    return JobStarted(**vars(of), organization_id=ORGANIZATION, worker="w1", host="h1")


def stage_started(of: Owned = OF_TASK, *, stage: str = STAGES[0], attempt: int = 1) -> StageStarted:
    return StageStarted(**vars(of), organization_id=ORGANIZATION, stage=stage, attempt=attempt)


def stage_succeeded(
    of: Owned = OF_TASK, *, stage: str = STAGES[0], result: dict[str, str] | None = None
) -> StageSucceeded:
    return StageSucceeded(
        **vars(of), organization_id=ORGANIZATION, stage=stage, attempt=1, result=result or {}
    )


def stage_failed(
    of: Owned = OF_TASK,
    *,
    stage: str = STAGES[0],
    message: str = "disk full",
    retry_at: int | None = None,
) -> StageFailed:
    return StageFailed(
        **vars(of),
        organization_id=ORGANIZATION,
        stage=stage,
        attempt=1,
        message=message,
        retry_at=None if retry_at is None else Timestamp(retry_at),
    )


def job_succeeded(of: Owned = OF_TASK) -> JobSucceeded:
    return JobSucceeded(**vars(of), organization_id=ORGANIZATION)


def job_failed(
    of: Owned = OF_TASK, *, stage: str = STAGES[0], message: str = "disk full"
) -> JobFailed:
    return JobFailed(**vars(of), organization_id=ORGANIZATION, stage=stage, message=message)


def job_cancel_requested(of: Owned = OF_TASK) -> JobCancelRequested:
    return JobCancelRequested(**vars(of), organization_id=ORGANIZATION)


def job_cancelled(of: Owned = OF_TASK) -> JobCancelled:
    return JobCancelled(**vars(of), organization_id=ORGANIZATION)


def job_retry_requested(of: Owned = OF_TASK) -> JobRetryRequested:
    return JobRetryRequested(**vars(of), organization_id=ORGANIZATION)


# --- Tasks ---


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


class _Task:
    def __init__(self, task: TaskId) -> None:
        self.task_id = task
        self.organization_id = ORGANIZATION
        self.repository_id = REPOSITORY


def task_named(task: TaskId = TASK, branch: str = "fix-login") -> TaskNamed:
    return TaskNamed(**vars(_Task(task)), branch=branch)


def task_renamed(task: TaskId = TASK, title: str = "Mend login") -> TaskRenamed:
    return TaskRenamed(**vars(_Task(task)), title=title)


def task_provisioned(task: TaskId = TASK, job: JobId = JOB) -> TaskProvisioned:
    return TaskProvisioned(**vars(_Task(task)), job_id=job)


def task_failed(task: TaskId = TASK, job: JobId = JOB, message: str = "disk full") -> TaskFailed:
    return TaskFailed(**vars(_Task(task)), job_id=job, stage=STAGES[0], message=message)


def task_archive_requested(task: TaskId = TASK) -> TaskArchiveRequested:
    return TaskArchiveRequested(**vars(_Task(task)))


def task_archived(task: TaskId = TASK) -> TaskArchived:
    return TaskArchived(**vars(_Task(task)))


def task_kill_requested(task: TaskId = TASK) -> TaskKillRequested:
    return TaskKillRequested(**vars(_Task(task)))


def task_killed(task: TaskId = TASK) -> TaskKilled:
    return TaskKilled(**vars(_Task(task)))


def sandbox_allocated(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxAllocated:
    return SandboxAllocated(
        **vars(_Task(task)), sandbox_id=sandbox, provider="local", host="h1", path="/sandboxes/1"
    )


def sandbox_ready(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxReady:
    return SandboxReady(**vars(_Task(task)), sandbox_id=sandbox, base="b1")


def sandbox_released(task: TaskId = TASK, sandbox: SandboxId = SANDBOX) -> SandboxReleased:
    return SandboxReleased(**vars(_Task(task)), sandbox_id=sandbox, branch_kept=True)


# --- Agent sessions ---


def session_created(
    task: TaskId = TASK, session: SessionId = SESSION, name: str = "Session 1"
) -> AgentSessionCreated:
    return AgentSessionCreated(**vars(_Task(task)), session_id=session, name=name, agent="shell")


def session_ready(task: TaskId = TASK, session: SessionId = SESSION) -> AgentSessionReady:
    return AgentSessionReady(**vars(_Task(task)), session_id=session)


def session_failed(
    task: TaskId = TASK, session: SessionId = SESSION, message: str = "no agent"
) -> AgentSessionFailed:
    return AgentSessionFailed(**vars(_Task(task)), session_id=session, message=message)


def session_renamed(
    task: TaskId = TASK, session: SessionId = SESSION, name: str = "Tests"
) -> AgentSessionRenamed:
    return AgentSessionRenamed(**vars(_Task(task)), session_id=session, name=name)


def session_model_changed(
    task: TaskId = TASK, session: SessionId = SESSION, model: str = "large"
) -> AgentSessionModelChanged:
    return AgentSessionModelChanged(**vars(_Task(task)), session_id=session, model=model)


def session_stop_requested(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> AgentSessionStopRequested:
    return AgentSessionStopRequested(**vars(_Task(task)), session_id=session, message_id=message)


def session_closed(task: TaskId = TASK, session: SessionId = SESSION) -> AgentSessionClosed:
    return AgentSessionClosed(**vars(_Task(task)), session_id=session)


def message_queued(
    task: TaskId = TASK,
    session: SessionId = SESSION,
    message: MessageId = MESSAGE,
    text: str = "Please fix the login.",
) -> MessageQueued:
    return MessageQueued(**vars(_Task(task)), session_id=session, message_id=message, text=text)


def message_cancelled(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> MessageCancelled:
    return MessageCancelled(**vars(_Task(task)), session_id=session, message_id=message)


def message_delivered(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> MessageDelivered:
    return MessageDelivered(**vars(_Task(task)), session_id=session, message_id=message)


def turn_ended(
    task: TaskId = TASK,
    session: SessionId = SESSION,
    message: MessageId = MESSAGE,
    *,
    stop_reason: StopReason = "end_turn",
    transcript_version: int = 7,
    error: str | None = None,
) -> TurnEnded:
    return TurnEnded(
        **vars(_Task(task)),
        session_id=session,
        message_id=message,
        stop_reason=stop_reason,
        transcript_version=Position(transcript_version),
        error=error,
    )


def permission_requested(
    task: TaskId = TASK, session: SessionId = SESSION, request: str = "p1"
) -> PermissionRequested:
    return PermissionRequested(
        **vars(_Task(task)),
        session_id=session,
        request_id=request,
        title="Delete everything?",
        options=(PermissionOption(id="no", name="No", kind="reject_once"),),
    )


def permission_answered(
    task: TaskId = TASK, session: SessionId = SESSION, request: str = "p1", option: str = "no"
) -> PermissionAnswered:
    return PermissionAnswered(
        **vars(_Task(task)), session_id=session, request_id=request, option_id=option
    )


# --- Files, processes, issues ---


def changed_file(path: str = "a.py", added: int = 2, removed: int = 1) -> ChangedFile:
    return ChangedFile(
        path=path, kind="modified", added=added, removed=removed, diff=f"+{path}", content="x\n"
    )


def files_captured(
    task: TaskId = TASK, *, files: tuple[ChangedFile, ...] = (), tree_id: str = "t1"
) -> FilesCaptured:
    return FilesCaptured(**vars(_Task(task)), base="b1", tree_id=tree_id, files=files)


def files_outdated(task: TaskId = TASK) -> FilesOutdated:
    return FilesOutdated(**vars(_Task(task)), status="queued")


def tree_changed(
    task: TaskId = TASK, *, put: tuple[str, ...] = (), removed: tuple[str, ...] = ()
) -> TreeChanged:
    files = tuple(TreeFile(path=path, size=len(path)) for path in put)
    return TreeChanged(**vars(_Task(task)), put=files, removed=removed)


def process_requested(task: TaskId = TASK, process: ProcessId = PROCESS) -> ProcessRequested:
    return ProcessRequested(**vars(_Task(task)), process_id=process, command="make", args=("test",))


def process_started(task: TaskId = TASK, process: ProcessId = PROCESS) -> ProcessStarted:
    return ProcessStarted(**vars(_Task(task)), process_id=process)


def process_output(
    task: TaskId = TASK, process: ProcessId = PROCESS, tail: str = "ok\n"
) -> ProcessOutput:
    return ProcessOutput(**vars(_Task(task)), process_id=process, tail=tail)


def process_stop_requested(
    task: TaskId = TASK, process: ProcessId = PROCESS
) -> ProcessStopRequested:
    return ProcessStopRequested(**vars(_Task(task)), process_id=process, signal="TERM")


def process_exited(
    task: TaskId = TASK, process: ProcessId = PROCESS, exit_code: int | None = 0
) -> ProcessExited:
    return ProcessExited(**vars(_Task(task)), process_id=process, exit_code=exit_code)


def issue_raised(task: TaskId = TASK, issue: IssueId = ISSUE) -> IssueRaised:
    return IssueRaised(
        **vars(_Task(task)),
        issue_id=issue,
        code="stage_failed",
        message="disk full",
        stage=STAGES[0],
        retry_job_id=JOB,
    )


def issue_resolved(task: TaskId = TASK, issue: IssueId = ISSUE) -> IssueResolved:
    return IssueResolved(**vars(_Task(task)), issue_id=issue)


# --- Transcripts ---


def entry(text: str = "hello", sender: Sender = "agent", at: int = 1000) -> Entry:
    return Entry(sender=sender, kind="agent_message_chunk", at=Timestamp(at), text=text)


def entries_appended(
    *entries: Entry, first_index: int = 1, task: TaskId = TASK, session: SessionId = SESSION
) -> EntriesAppended:
    return EntriesAppended(
        organization_id=ORGANIZATION,
        task_id=task,
        session_id=session,
        first_index=first_index,
        entries=entries,
    )
