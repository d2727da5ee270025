"""The agent sessions of a task: opened at once, talked to while still pending, stopped, closed."""

from typing import assert_never

from commands.agents import check_agent, default_agent, default_model
from commands.context import Context
from commands.fields import attachments_of
from commands.owners import task_owners
from commands.refusals import chosen_id, no_such, session_closed, taken, task_over, wrong
from commands.task_orders import (
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


def _create(task: Task, order: CreateSession, context: Context) -> list[Event]:
    session_id = SessionId(chosen_id(order.session_id, context.id("ses"), prefix="ses"))
    if session_id in task.sessions:
        raise taken("session", session_id)
    _still_open(task)
    agent = order.agent or default_agent(context.organization)
    # A model belongs to the agent it was chosen with.
    model = task.model if agent == task.agent else default_model(context.organization, agent)
    check_agent(agent, context)
    return [
        AgentSessionCreated(
            **task_owners(task),
            session_id=session_id,
            name=order.name or f"Session {len(task.sessions) + 1}",
            agent=agent,
            model=order.model or model,
        )
    ]


def _send(task: Task, session: Session, order: SendMessage, context: Context) -> list[Event]:
    message_id = MessageId(context.id("msg"))
    if message_id in session.messages:
        return []
    if not order.text.strip() and not order.attachments:
        raise wrong("/text", "A message has a text or an attachment.")
    _still_open(task)
    _not_closed(session)
    if len(session.queue) >= MAX_WAITING:
        raise Rejected(
            f"{MAX_WAITING} messages wait in this session already; let it work or cancel some.",
            code="queue_full",
        )
    attachments = attachments_of(order.attachments)
    waiting = sum(one.size for one in session.queue)
    if waiting + message_size(order.text, attachments) > MAX_WAITING_BYTES:
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
            text=order.text,
            attachments=attachments,
        )
    ]


def _cancel_message(task: Task, session: Session, order: CancelMessage) -> list[Event]:
    message_id = MessageId(order.message_id)
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


def _answer(task: Task, session: Session, order: AnswerPermission) -> list[Event]:
    request = session.requests.get(order.request_id)
    if request is None:
        raise Rejected(
            "The agent is not asking this: its turn has ended, or it never asked. "
            "Read the session again.",
            code="not_asked",
        )
    if request.answer == order.option_id:
        return []
    if request.answer is not None:
        raise Rejected(
            "This has been answered already; read the session again.", code="already_answered"
        )
    if session.stop_requested or task.over:
        raise Rejected("The agent's turn is being ended, so it needs no answer.", code="not_asked")
    if order.option_id not in request.options:
        raise Rejected(
            f"The agent offers these options: {', '.join(request.options)}.", code="unknown_option"
        )
    return [
        PermissionAnswered(
            **task_owners(task),
            session_id=session.id,
            request_id=order.request_id,
            option_id=order.option_id,
        )
    ]


def _rename(task: Task, session: Session, order: RenameSession) -> list[Event]:
    if session.name == order.name:
        return []
    return [AgentSessionRenamed(**task_owners(task), session_id=session.id, name=order.name)]


def _change_model(task: Task, session: Session, order: ChangeModel) -> list[Event]:
    if session.model == order.model:
        return []
    _still_open(task)
    _not_closed(session)
    owners = task_owners(task)
    return [AgentSessionModelChanged(**owners, session_id=session.id, model=order.model)]


def _still_open(task: Task) -> None:
    if task.over:
        raise task_over()


def _not_closed(session: Session) -> None:
    if session.status == "closed":
        raise session_closed()


# --- Decider ---


def decide_session(task: Task, order: SessionCommand, context: Context) -> list[Event]:
    """The sessions' share of `commands/task.py::decide`."""
    if isinstance(order, CreateSession):
        return _create(task, order, context)
    session = task.sessions.get(SessionId(order.session_id))
    if session is None:
        raise no_such("session")
    match order:
        case SendMessage():
            return _send(task, session, order, context)
        case CancelMessage():
            return _cancel_message(task, session, order)
        case StopSession():
            return _stop(task, session)
        case CloseSession():
            return _close(task, session)
        case AnswerPermission():
            return _answer(task, session, order)
        case RenameSession():
            return _rename(task, session, order)
        case ChangeModel():
            return _change_model(task, session, order)
        case _:
            assert_never(order)
