"""Facts about the agent sessions of a task: their messages, turns and the agent's questions."""

from typing import Literal

from msgspec import Struct

from events.fact import Attachment, TaskFact
from events.ids import MessageId, Position, SessionId

StopReason = Literal[
    "end_turn",
    "max_tokens",
    "max_turn_requests",
    "refusal",
    "cancelled",
    "interrupted",
    "error",
]


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


class PermissionOption(Struct, frozen=True, kw_only=True, gc=False):
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
