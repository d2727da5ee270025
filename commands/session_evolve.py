"""How the facts of a task's agent sessions become part of its state."""

from msgspec.structs import replace

from commands.decider import Origin
from commands.task_state import PermissionRequest, Session, Task, Waiting
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
from events.commit import Event

SESSION_FACTS = (
    AgentSessionClosed
    | AgentSessionFailed
    | AgentSessionModelChanged
    | AgentSessionReady
    | AgentSessionRenamed
    | AgentSessionStopRequested
    | MessageCancelled
    | MessageDelivered
    | MessageQueued
    | PermissionAnswered
    | PermissionRequested
    | TurnEnded
)

ANSWERED_KEPT = 8


def evolve_sessions(task: Task, event: Event, origin: Origin) -> Task:
    """The task after a fact about one of its sessions; the same task after any other fact."""
    if isinstance(event, AgentSessionCreated):
        session = Session(
            id=event.session_id, name=event.name, agent=event.agent, model=event.model
        )
    elif isinstance(event, SESSION_FACTS) and event.session_id in task.sessions:
        session = _evolve_session(task.sessions[event.session_id], event, origin)
    else:
        return task
    return replace(task, sessions={**task.sessions, session.id: session})


def _evolve_session(session: Session, event: Event, origin: Origin) -> Session:
    match event:
        case AgentSessionReady() if session.status in ("pending", "error"):
            return replace(session, status="ready" if session.running is None else "running")
        case AgentSessionFailed() if session.status != "closed":
            return replace(session, status="error")
        case AgentSessionRenamed():
            return replace(session, name=event.name)
        case AgentSessionModelChanged():
            return replace(session, model=event.model)
        case AgentSessionStopRequested():
            return replace(session, stop_requested=True)
        case AgentSessionClosed():
            return replace(session, status="closed", queue=())
        case MessageQueued():
            waiting = Waiting(
                id=event.message_id,
                text=event.text,
                attachments=event.attachments,
                command_id=origin.command_id,
                actor=origin.actor,
                at=origin.at,
                position=origin.position,
            )
            return replace(
                session,
                queue=(*session.queue, waiting),
                messages={**session.messages, event.message_id: "waiting"},
                sent={**session.sent, origin.actor: origin.position},
                # Its agent could not be had: whoever writes again asks for another attempt.
                status="pending" if session.status == "error" else session.status,
            )
        case MessageCancelled():
            return replace(
                session,
                queue=tuple(one for one in session.queue if one.id != event.message_id),
                messages={**session.messages, event.message_id: "cancelled"},
            )
        case MessageDelivered():
            queued = (one.position for one in session.queue if one.id == event.message_id)
            return replace(
                session,
                queue=tuple(one for one in session.queue if one.id != event.message_id),
                messages={**session.messages, event.message_id: "delivered"},
                running=event.message_id,
                queued_position=next(queued, session.queued_position),
                stop_requested=False,
                status="running" if session.status == "ready" else session.status,
            )
        case TurnEnded():
            return replace(
                session,
                running=None,
                stop_requested=False,
                requests=_answered(session),
                status="ready" if session.status == "running" else session.status,
                turn_position=origin.position,
            )
        case PermissionRequested():
            request = PermissionRequest(options=tuple(option.id for option in event.options))
            return replace(session, requests={**session.requests, event.request_id: request})
        case PermissionAnswered() if event.request_id in session.requests:
            answered = replace(session.requests[event.request_id], answer=event.option_id)
            return replace(session, requests={**session.requests, event.request_id: answered})
        case _:
            return session


def _answered(session: Session) -> dict[str, PermissionRequest]:
    """The newest questions a person answered: who answers one of them again is told so, and not that nobody asks."""
    answered = [one for one in session.requests.items() if one[1].answer is not None]
    return dict(answered[-ANSWERED_KEPT:])
