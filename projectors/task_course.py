"""The course of a task as both `workspace` and `task_detail` tell it: its name, its status, its sessions."""

from typing import Literal, assert_never

from msgspec.structs import replace

from events.agent_session import (
    AgentSessionCreated,
    AgentSessionFailed,
    AgentSessionReady,
    AgentSessionStopRequested,
    MessageCancelled,
    MessageDelivered,
    MessageQueued,
    PermissionAnswered,
    PermissionRequested,
    TurnEnded,
)
from events.ids import JobId, MessageId, SessionId, TaskId, Timestamp
from events.process import (
    ProcessExited,
    ProcessInput,
    ProcessOutput,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
)
from events.task import (
    IssueRaised,
    IssueResolved,
    SandboxAllocated,
    SandboxReady,
    SandboxReleased,
    TaskArchived,
    TaskArchiveRequested,
    TaskCreated,
    TaskEvent,
    TaskFailed,
    TaskKilled,
    TaskKillRequested,
    TaskNamed,
    TaskProvisioned,
    TaskRenamed,
)
from events.task_files import FilesCaptured, FilesOutdated, TreeChanged
from projectors.agent_sessions import (
    Session,
    SessionTurn,
    begun_session,
    closed,
    opened_again,
    provisioned,
    session_after,
)
from projectors.rows import Row

Phase = Literal["queued", "provisioning", "open", "archiving", "archived", "killing", "killed"]
TaskStatus = Literal[
    "queued",
    "provisioning",
    "running",
    "idle",
    "error",
    "archiving",
    "archived",
    "killing",
    "killed",
]

Unnoticed = (
    ProcessRequested
    | ProcessStarted
    | ProcessOutput
    | ProcessInput
    | ProcessStopRequested
    | ProcessExited
    | TreeChanged
    | FilesOutdated
)
"""The events that change nothing in the course of a task, its `updated_at` included."""

IN_WORK = {
    "name_ensured": "Choosing a branch.",
    "sandbox_allocated": "Finding a place to work.",
    "repository_prepared": "Checking out the repository.",
    "agent_installed": "Looking for the agent.",
    "agent_started": "Starting the agent.",
    "session_created": "Opening the session.",
}
"""What is being done in each stage of a provisioning, in a sentence for people."""


class PullRequest(Row, frozen=True, kw_only=True):
    number: int
    status: str
    url: str


class Failure(Row, frozen=True, kw_only=True):
    job_id: JobId
    message: str


class Course(Row, frozen=True, kw_only=True):
    """What was told of a task so far. `sessions` are ordered by id; `waiting` are messages no agent has yet, `asked`
    the questions of agents that no person has answered.

    `agentless` are the sessions whose agent could not be had. One whose turn failed says `error` too, and has one.
    `halted` is why the job that puts the task away does not go on.
    """

    id: TaskId
    title: str
    agent: str
    branch: str | None
    created_at: Timestamp
    updated_at: Timestamp
    phase: Phase = "queued"
    stage: str | None = None
    failure: Failure | None = None
    halted: str | None = None
    sandbox_ready: bool = False
    sessions: tuple[Session, ...] = ()
    waiting: tuple[tuple[SessionId, MessageId], ...] = ()
    asked: tuple[tuple[SessionId, str], ...] = ()
    agentless: tuple[SessionId, ...] = ()

    @property
    def over(self) -> bool:
        """Archived or killed: nobody works on it any more."""
        return self.phase in ("archived", "killed")

    @property
    def status(self) -> TaskStatus:
        if self.phase == "archived" or self.phase == "killed":
            return self.phase
        if self.failure is not None:
            return "error"
        if self.phase != "open":
            return self.phase
        return "running" if any(map(self._at_work, self.sessions)) else "idle"

    @property
    def status_message(self) -> str | None:
        """One sentence for people: what is being done, or what went wrong."""
        match self.status:
            case "queued":
                return "Waiting for a worker."
            case "provisioning":
                return IN_WORK.get(self.stage or "", "Preparing the sandbox.")
            case "error":
                return self.failure.message if self.failure else None
            case "archiving":
                return self.halted or "Putting the sandbox away."
            case "killing":
                return self.halted or "Destroying the sandbox."
            case "running":
                return "Waits for your answer." if any(map(self._asks, self.sessions)) else None
            case "idle" | "archived" | "killed":
                return None
            case status:
                assert_never(status)

    def _asks(self, session: Session) -> bool:
        # What a turn asked has ended with it.
        return session.status == "running" and session.id in dict(self.asked)

    def _at_work(self, session: Session) -> bool:
        # Also between two turns: who waits for `idle` waits for all that was asked.
        if session.status in ("closed", "error"):
            return False
        return session.status == "running" or session.id in dict(self.waiting)


def begun(event: TaskCreated, at: Timestamp) -> Course:
    return Course(
        id=event.task_id,
        title=event.title,
        agent=event.agent,
        branch=event.branch or event.on_branch,
        created_at=at,
        updated_at=at,
    )


def course_after(course: Course, event: TaskEvent, at: Timestamp) -> Course:
    """The course after an event of the task's own history; moves `updated_at` for what people care about."""
    if isinstance(event, Unnoticed):
        return course
    course = replace(course, updated_at=at)
    # Happens most often, so it is looked for first: a case that does not fit costs as much as one that does.
    if isinstance(event, SessionTurn):
        return _after_turn(course, event, at)
    match event:
        case TaskCreated() | SandboxAllocated() | SandboxReleased() | FilesCaptured():
            return course
        case IssueRaised() | IssueResolved():
            return course
        case PermissionRequested(session_id=session_id, request_id=request_id):
            asked = (session_id, request_id)
            others = tuple(pair for pair in course.asked if pair != asked)
            return replace(course, asked=(*others, asked))
        case PermissionAnswered(session_id=session_id, request_id=request_id):
            answered = (session_id, request_id)
            return replace(course, asked=tuple(pair for pair in course.asked if pair != answered))
        case AgentSessionStopRequested():
            return course
        case MessageQueued(session_id=session_id, message_id=message_id):
            course = replace(course, waiting=(*course.waiting, (session_id, message_id)))
            return _opened_again(course, session_id) if session_id in course.agentless else course
        case MessageCancelled(message_id=message_id):
            return _without(course, message_id)
        case TaskNamed(branch=branch):
            return replace(course, branch=branch)
        case TaskRenamed(title=title):
            return replace(course, title=title)
        case TaskProvisioned():
            return replace(course, phase="open", failure=None)
        case TaskFailed(job_id=job_id, message=message):
            return replace(course, failure=Failure(job_id=job_id, message=message))
        case TaskArchiveRequested():
            return replace(course, phase="archiving", failure=None, halted=None)
        case TaskKillRequested():
            return replace(course, phase="killing", failure=None, halted=None)
        case TaskArchived():
            return _over(course, "archived")
        case TaskKilled():
            return _over(course, "killed")
        case SandboxReady():
            sessions = tuple(map(provisioned, course.sessions))
            return replace(course, sandbox_ready=True, sessions=sessions)
        case AgentSessionCreated():
            return _with_session(course, event)
        case _:
            assert_never(event)


def _after_turn(course: Course, event: SessionTurn, at: Timestamp) -> Course:
    match event:
        case MessageDelivered(message_id=message_id):
            course = _without(course, message_id)
        case AgentSessionFailed(session_id=session_id):
            course = replace(course, agentless=(*course.agentless, session_id))
        case AgentSessionReady(session_id=session_id):
            course = _with_agent(course, session_id)
        case TurnEnded(session_id=session_id) if course.asked:
            others = tuple(pair for pair in course.asked if pair[0] != session_id)
            course = replace(course, asked=others)
        case _:
            # The others change only the session itself.
            pass
    sessions = tuple(
        session_after(session, event, at) if session.id == event.session_id else session
        for session in course.sessions
    )
    return replace(course, sessions=sessions)


def _without(course: Course, message_id: MessageId) -> Course:
    return replace(course, waiting=tuple(pair for pair in course.waiting if pair[1] != message_id))


def _with_session(course: Course, event: AgentSessionCreated) -> Course:
    if any(session.id == event.session_id for session in course.sessions):
        return course
    session = begun_session(event, sandbox_ready=course.sandbox_ready)
    sessions = sorted((*course.sessions, session), key=lambda one: one.id)
    return replace(course, sessions=tuple(sessions))


def _opened_again(course: Course, session_id: SessionId) -> Course:
    sessions = tuple(
        opened_again(session) if session.id == session_id else session
        for session in course.sessions
    )
    return _with_agent(replace(course, sessions=sessions), session_id)


def _with_agent(course: Course, session_id: SessionId) -> Course:
    if session_id not in course.agentless:
        return course
    return replace(course, agentless=tuple(one for one in course.agentless if one != session_id))


def _over(course: Course, phase: Literal["archived", "killed"]) -> Course:
    # No agent runs any more, whatever the last word of each session was.
    sessions = tuple(map(closed, course.sessions))
    return replace(course, phase=phase, failure=None, sessions=sessions)
