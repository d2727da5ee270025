"""`task/<id>`: the task's own scalars, its sessions with their queues, its sandboxes, jobs and issues."""

from typing import Literal, assert_never

from msgspec.structs import replace

from events.agent_session import (
    MessageCancelled,
    MessageDelivered,
    MessageQueued,
    PermissionAnswered,
    PermissionOption,
    PermissionRequested,
    TurnEnded,
)
from events.commit import Commit
from events.fact import Attachment
from events.ids import (
    IssueId,
    JobId,
    MessageId,
    OrganizationId,
    Position,
    RepositoryId,
    SandboxId,
    SessionId,
    TaskId,
    Timestamp,
    derive_id,
)
from events.job import JobAnnounced, JobEvent
from events.task import (
    IssueRaised,
    IssueResolved,
    Permissions,
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    TaskCreated,
    TaskEvent,
)
from projectors.agent_sessions import SessionStatus
from projectors.jobs import Job, list_job
from projectors.projection import Trouble
from projectors.rows import Row, Rows
from projectors.task_course import (
    Course,
    PullRequest,
    TaskStatus,
    begun,
    course_after,
)
from projectors.task_course_jobs import course_after_job


class TaskSelf(Row, frozen=True, kw_only=True):
    id: TaskId
    organization_id: OrganizationId
    repository_id: RepositoryId
    title: str
    prompt: str
    status: TaskStatus
    status_message: str | None
    branch: str | None
    agent: str
    permissions: Permissions
    created_at: Timestamp
    updated_at: Timestamp
    pull_request: PullRequest | None = None


class WaitingMessage(Row, frozen=True, kw_only=True):
    id: MessageId
    text: str
    attachments: tuple[Attachment, ...]
    user_id: str
    at: Timestamp


class PermissionRequest(Row, frozen=True, kw_only=True):
    id: str
    title: str
    options: tuple[PermissionOption, ...]


class Session(Row, frozen=True, kw_only=True):
    """`queue` is in the order of delivery; `permission_requests` wait for a person's answer."""

    id: SessionId
    name: str
    agent: str
    model: str | None
    status: SessionStatus
    thinking_since_at: Timestamp | None
    error: str | None
    queue: tuple[WaitingMessage, ...] = ()
    permission_requests: tuple[PermissionRequest, ...] = ()
    transcript_version: Position | None = None


class Sandbox(Row, frozen=True, kw_only=True):
    id: SandboxId
    provider: str
    host: str
    path: str
    status: Literal["allocated", "ready", "released"]


class Issue(Row, frozen=True, kw_only=True):
    id: IssueId
    code: str
    stage: str | None
    message: str
    at: Timestamp
    resolved_at: Timestamp | None
    retry_job_id: JobId | None


Talk = (
    MessageQueued
    | MessageCancelled
    | MessageDelivered
    | TurnEnded
    | PermissionRequested
    | PermissionAnswered
)
"""The events that change a session in what its course does not show."""


def project_task(rows: Rows, event: TaskEvent, commit: Commit) -> None:
    id = event.task_id
    topic = f"task/{id}"
    if isinstance(event, TaskCreated):
        course = begun(event, commit.at)
        rows.put(topic, "_course", id, course)
        rows.put(topic, "self", id, _itself(event, course))
        return
    course_before = rows.get(topic, "_course", id, Course)
    if course_before is not None:
        _show(rows, topic, course_before, course_after(course_before, event, commit.at))
        _project_parts(rows, topic, event, commit)


def project_task_job(
    rows: Rows, task_id: TaskId, event: JobAnnounced | JobEvent, job: Job, at: Timestamp
) -> None:
    topic = f"task/{task_id}"
    course = rows.get(topic, "_course", task_id, Course)
    if course is not None:
        _show(rows, topic, course, course_after_job(course, event, at))
        list_job(rows, topic, job)


def show_task_trouble(rows: Rows, trouble: Trouble) -> None:
    """An issue of the task for as long as its history cannot be read further."""
    topic = f"task/{trouble.aggregate_id}"
    if rows.get(topic, "self", trouble.aggregate_id, TaskSelf) is None:
        return
    id = trouble_issue(trouble)
    raised = rows.get(topic, "issue", id, Issue) or Issue(
        id=id,
        code="unreadable",
        stage=None,
        message=(
            f"What happened at position {trouble.position} cannot be read. This task stands still"
            " here until the operator decides about it; `foundry doctor` says more."
        ),
        at=trouble.at,
        resolved_at=None,
        retry_job_id=None,
    )
    rows.put(topic, "issue", id, replace(raised, resolved_at=trouble.at if trouble.over else None))


def trouble_issue(trouble: Trouble) -> IssueId:
    """The id of the issue: the same in every view and on every node."""
    return IssueId(derive_id("iss", trouble.kind, trouble.aggregate_id, str(trouble.position)))


def _itself(event: TaskCreated, course: Course) -> TaskSelf:
    return TaskSelf(
        id=event.task_id,
        organization_id=event.organization_id,
        repository_id=event.repository_id,
        title=course.title,
        prompt=event.prompt,
        status=course.status,
        status_message=course.status_message,
        branch=course.branch,
        agent=course.agent,
        permissions=event.permissions,
        created_at=course.created_at,
        updated_at=course.updated_at,
    )


def _show(rows: Rows, topic: str, before: Course, course: Course) -> None:
    """Make the shown rows say what the course says; what the course does not know stays as it is."""
    if course == before:
        return
    rows.put(topic, "_course", course.id, course)
    itself = rows.get(topic, "self", course.id, TaskSelf)
    assert itself is not None
    rows.put(
        topic,
        "self",
        course.id,
        replace(
            itself,
            title=course.title,
            status=course.status,
            status_message=course.status_message,
            branch=course.branch,
            updated_at=course.updated_at,
        ),
    )
    if course.sessions == before.sessions:
        return
    for known in course.sessions:
        fields = {name: getattr(known, name) for name in known.__struct_fields__}
        session = rows.get(topic, "session", known.id, Session)
        row = replace(session, **fields) if session is not None else Session(**fields)
        if row.status == "closed":
            # Nothing is delivered there any more, and nobody is asked.
            row = replace(row, queue=(), permission_requests=())
        rows.put(topic, "session", known.id, row)


def _project_parts(rows: Rows, topic: str, event: TaskEvent, commit: Commit) -> None:
    match event:
        case _ if isinstance(event, Talk):
            session = rows.get(topic, "session", event.session_id, Session)
            if session is not None:
                rows.put(topic, "session", session.id, _session_after(session, event, commit))
        case SandboxAllocated(sandbox_id=id):
            sandbox = Sandbox(
                id=id, provider=event.provider, host=event.host, path=event.path, status="allocated"
            )
            rows.put(topic, "sandbox", id, sandbox)
        case SandboxReady(sandbox_id=id):
            rows.patch(topic, "sandbox", id, Sandbox, status="ready")
        case SandboxReleased(sandbox_id=id):
            rows.patch(topic, "sandbox", id, Sandbox, status="released")
        case IssueRaised(issue_id=id):
            issue = Issue(
                id=id,
                code=event.code,
                stage=event.stage,
                message=event.message,
                at=commit.at,
                resolved_at=None,
                retry_job_id=event.retry_job_id,
            )
            rows.put(topic, "issue", id, issue)
        case IssueResolved(issue_id=id):
            raised = rows.get(topic, "issue", id, Issue)
            if raised is not None and raised.resolved_at is None:
                rows.put(topic, "issue", id, replace(raised, resolved_at=commit.at))
        case _:
            # The rest is the course's, or the business of files and processes.
            pass


def _session_after(session: Session, event: Talk, commit: Commit) -> Session:
    match event:
        case MessageQueued(message_id=id, text=text, attachments=attachments):
            if any(waiting.id == id for waiting in session.queue):
                return session
            message = WaitingMessage(
                id=id, text=text, attachments=attachments, user_id=commit.actor, at=commit.at
            )
            return replace(session, queue=(*session.queue, message))
        case MessageCancelled(message_id=id) | MessageDelivered(message_id=id):
            return replace(session, queue=tuple(one for one in session.queue if one.id != id))
        case TurnEnded(transcript_version=version):
            return replace(session, transcript_version=version, permission_requests=())
        case PermissionRequested(request_id=id, title=title, options=options):
            asked = PermissionRequest(id=id, title=title, options=options)
            return replace(session, permission_requests=(*_others(session, id), asked))
        case PermissionAnswered(request_id=id):
            return replace(session, permission_requests=_others(session, id))
        case _:
            assert_never(event)


def _others(session: Session, request_id: str) -> tuple[PermissionRequest, ...]:
    return tuple(one for one in session.permission_requests if one.id != request_id)
