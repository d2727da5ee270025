"""The course of one agent session: its status, since when it thinks, what went wrong."""

from typing import Literal, assert_never

from msgspec.structs import replace

from events.agent_session import (
    AgentSessionClosed,
    AgentSessionCreated,
    AgentSessionFailed,
    AgentSessionModelChanged,
    AgentSessionReady,
    AgentSessionRenamed,
    MessageDelivered,
    TurnEnded,
)
from events.ids import SessionId, Timestamp
from projectors.rows import Row

SessionStatus = Literal[
    "pending_provision", "pending_session_create", "ready", "running", "idle", "error", "closed"
]

SessionTurn = (
    AgentSessionReady
    | AgentSessionFailed
    | AgentSessionRenamed
    | AgentSessionModelChanged
    | AgentSessionClosed
    | MessageDelivered
    | TurnEnded
)
"""The events that change a session."""


class Session(Row, frozen=True, kw_only=True):
    """`thinking_since_at` is set while a turn runs, `error` says why the last one, or the start, failed."""

    id: SessionId
    name: str
    agent: str
    model: str | None
    status: SessionStatus
    thinking_since_at: Timestamp | None = None
    error: str | None = None


def begun_session(event: AgentSessionCreated, *, sandbox_ready: bool) -> Session:
    return Session(
        id=event.session_id,
        name=event.name,
        agent=event.agent,
        model=event.model,
        status="pending_session_create" if sandbox_ready else "pending_provision",
    )


def provisioned(session: Session) -> Session:
    """The session once there is a sandbox it can be created in."""
    if session.status != "pending_provision":
        return session
    return replace(session, status="pending_session_create")


def opened_again(session: Session) -> Session:
    """A session whose agent could not be had, once a message asks for another attempt."""
    if session.status != "error":
        return session
    return replace(session, status="pending_session_create", error=None)


def closed(session: Session) -> Session:
    return replace(session, status="closed", thinking_since_at=None)


def session_after(session: Session, event: SessionTurn, at: Timestamp) -> Session:
    """A closed session stays closed: the end of its last turn may be reported after the close. It can still be renamed."""
    if session.status == "closed" and not isinstance(event, AgentSessionRenamed):
        return session
    match event:
        case MessageDelivered():
            return replace(session, status="running", thinking_since_at=at, error=None)
        case TurnEnded(stop_reason="error", error=error):
            return _failed(session, error or "The agent failed.")
        case TurnEnded(error=error):
            return replace(session, status="idle", thinking_since_at=None, error=error)
        case AgentSessionReady():
            waiting = session.status in ("pending_provision", "pending_session_create", "error")
            return replace(session, status="ready", error=None) if waiting else session
        case AgentSessionFailed(message=message):
            return _failed(session, message)
        case AgentSessionRenamed(name=name):
            return replace(session, name=name)
        case AgentSessionModelChanged(model=model):
            return replace(session, model=model)
        case AgentSessionClosed():
            return closed(session)
        case _:
            assert_never(event)


def _failed(session: Session, message: str) -> Session:
    return replace(session, status="error", thinking_since_at=None, error=message)
