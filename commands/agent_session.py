"""The agent sessions of a task: opened at once, talked to while still pending, stopped, closed."""

from typing import assert_never

from commands.agents import check_agent, default_agent, default_model
from commands.context import Context
from commands.fields import attachments_of
from commands.owners import task_owners
from commands.refusals import chosen_id, no_such, session_closed, taken, task_over, wrong
from commands.task_commands import (
    AnswerPermission,
    CancelMessage,
    ChangeModel,
    CloseSession,
    CreateSession,
    RenameSession,
    SendMessage,
    SessionCommand,
    StopSession,
)
from commands.task_state import Session, Task, message_size
from events.agent_session import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionModelChanged,
    AgentSessionRenamed,
    AgentSessionStopRequested,
    MessageCancelled,
    MessageQueued,
    PermissionAnswered,
)
from events.commit import Event
from events.ids import MessageId, SessionId
from runtime.errors import Rejected

MAX_WAITING = 100
"""At most this many messages may wait in one session: they stand in the task's state."""

MAX_WAITING_BYTES = 1024 * 1024
"""The size of these together: all of them are sent to clients again when one comes or goes."""

# --- Rules ---


def _create(task: Task, command: CreateSession, context: Context) -> list[Event]:
    session_id = SessionId(chosen_id(command.session_id, context.id("ses"), prefix="ses"))
    if session_id in task.sessions:
        raise taken("session", session_id)
    _still_open(task)
    agent = command.agent or default_agent(context.organization)
    # A model belongs to the agent it was chosen with.
    model = task.model if agent == task.agent else default_model(context.organization, agent)
    check_agent("/agent", agent, context)
    return [
        AgentSessionCreated(
            **task_owners(task),
            session_id=session_id,
            name=command.name or f"Session {len(task.sessions) + 1}",
            agent=agent,
            model=command.model or model,
        )
    ]


def _send(task: Task, session: Session, command: SendMessage, context: Context) -> list[Event]:
    message_id = MessageId(context.id("msg"))
    if message_id in session.messages:
        return []
    if not command.text.strip() and not command.attachments:
        raise wrong("/text", "A message has a text or an attachment.")
    _still_open(task)
    _not_closed(session)
    if len(session.queue) >= MAX_WAITING:
        raise Rejected(
            f"{MAX_WAITING} messages wait in this session already; let it work or cancel some.",
            code="queue_full",
        )
    attachments = attachments_of(command.attachments)
    waiting = sum(one.size for one in session.queue)
    if waiting + message_size(command.text, attachments) > MAX_WAITING_BYTES:
        raise Rejected(
            f"{waiting // 1024} KB wait in this session already, and {MAX_WAITING_BYTES // 2**20} MB may; "
            "let it work, cancel some, or send a shorter message that names a file of the repository.",
            code="queue_full",
        )
    return [
        MessageQueued(
            **task_owners(task),
            session_id=session.id,
            message_id=message_id,
            text=command.text,
            attachments=attachments,
        )
    ]


def _cancel_message(task: Task, session: Session, command: CancelMessage) -> list[Event]:
    message_id = MessageId(command.message_id)
    match session.messages.get(message_id):
        case "waiting" if any(one.id == message_id for one in session.queue):
            owners = task_owners(task)
            return [MessageCancelled(**owners, session_id=session.id, message_id=message_id)]
        case "waiting" | "cancelled":
            return []
        case "delivered":
            raise Rejected(
                "The agent has this message already; agent_session.stop ends its turn.",
                code="already_delivered",
            )
        case None:
            raise no_such("message")


def _stop(task: Task, session: Session) -> list[Event]:
    if session.running is None or session.stop_requested:
        return []
    return [
        AgentSessionStopRequested(
            **task_owners(task), session_id=session.id, message_id=session.running
        )
    ]


def _close(task: Task, session: Session) -> list[Event]:
    # A task that was put away took its sessions with it.
    if session.status == "closed" or task.status in ("archived", "killed"):
        return []
    owners = task_owners(task)
    return [
        *(
            MessageCancelled(**owners, session_id=session.id, message_id=waiting.id)
            for waiting in session.queue
        ),
        *_stop(task, session),
        AgentSessionClosed(**owners, session_id=session.id),
    ]


def _answer(task: Task, session: Session, command: AnswerPermission) -> list[Event]:
    request = session.requests.get(command.request_id)
    if request is None:
        raise Rejected(
            "The agent is not asking this: its turn has ended, or it never asked. "
            "Read the session again.",
            code="not_asked",
        )
    if request.answer == command.option_id:
        return []
    if request.answer is not None:
        raise Rejected(
            "This has been answered already; read the session again.", code="already_answered"
        )
    if session.stop_requested or task.over:
        raise Rejected("The agent's turn is being ended, so it needs no answer.", code="not_asked")
    if command.option_id not in request.options:
        raise Rejected(
            f"The agent offers these options: {', '.join(request.options)}.", code="unknown_option"
        )
    return [
        PermissionAnswered(
            **task_owners(task),
            session_id=session.id,
            request_id=command.request_id,
            option_id=command.option_id,
        )
    ]


def _rename(task: Task, session: Session, command: RenameSession) -> list[Event]:
    if session.name == command.name:
        return []
    return [AgentSessionRenamed(**task_owners(task), session_id=session.id, name=command.name)]


def _change_model(task: Task, session: Session, command: ChangeModel) -> list[Event]:
    if session.model == command.model:
        return []
    _still_open(task)
    _not_closed(session)
    owners = task_owners(task)
    return [AgentSessionModelChanged(**owners, session_id=session.id, model=command.model)]


def _still_open(task: Task) -> None:
    if task.over:
        raise task_over()


def _not_closed(session: Session) -> None:
    if session.status == "closed":
        raise session_closed()


# --- Decider ---


def decide_session(task: Task, command: SessionCommand, context: Context) -> list[Event]:
    """The sessions' share of `commands/task.py::decide`."""
    if isinstance(command, CreateSession):
        return _create(task, command, context)
    session = task.sessions.get(SessionId(command.session_id))
    if session is None:
        raise no_such("session")
    match command:
        case SendMessage():
            return _send(task, session, command, context)
        case CancelMessage():
            return _cancel_message(task, session, command)
        case StopSession():
            return _stop(task, session)
        case CloseSession():
            return _close(task, session)
        case AnswerPermission():
            return _answer(task, session, command)
        case RenameSession():
            return _rename(task, session, command)
        case ChangeModel():
            return _change_model(task, session, command)
        case _:
            assert_never(command)
