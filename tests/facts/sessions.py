"""Builders for the facts about agent sessions and what was said in them."""

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
    PermissionOption,
    PermissionRequested,
    StopReason,
    TurnEnded,
)
from events.fact import Attachment
from events.ids import MessageId, Position, SessionId, TaskId, Timestamp
from events.transcript import EntriesAppended, Entry, Sender
from tests.facts.tasks import OwnersOfTask
from tests.facts.town import MESSAGE, ORGANIZATION, SESSION, TASK


def session_created(
    task: TaskId = TASK, session: SessionId = SESSION, name: str = "Session 1"
) -> AgentSessionCreated:
    return AgentSessionCreated(
        **vars(OwnersOfTask(task)), session_id=session, name=name, agent="shell"
    )


def session_ready(task: TaskId = TASK, session: SessionId = SESSION) -> AgentSessionReady:
    return AgentSessionReady(**vars(OwnersOfTask(task)), session_id=session)


def session_failed(
    task: TaskId = TASK, session: SessionId = SESSION, message: str = "no agent"
) -> AgentSessionFailed:
    return AgentSessionFailed(**vars(OwnersOfTask(task)), session_id=session, message=message)


def session_renamed(
    task: TaskId = TASK, session: SessionId = SESSION, name: str = "Tests"
) -> AgentSessionRenamed:
    return AgentSessionRenamed(**vars(OwnersOfTask(task)), session_id=session, name=name)


def session_model_changed(
    task: TaskId = TASK, session: SessionId = SESSION, model: str = "large"
) -> AgentSessionModelChanged:
    return AgentSessionModelChanged(**vars(OwnersOfTask(task)), session_id=session, model=model)


def session_stop_requested(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> AgentSessionStopRequested:
    return AgentSessionStopRequested(
        **vars(OwnersOfTask(task)), session_id=session, message_id=message
    )


def session_closed(task: TaskId = TASK, session: SessionId = SESSION) -> AgentSessionClosed:
    return AgentSessionClosed(**vars(OwnersOfTask(task)), session_id=session)


def message_queued(
    task: TaskId = TASK,
    session: SessionId = SESSION,
    message: MessageId = MESSAGE,
    text: str = "Please fix the login.",
    attachments: tuple[Attachment, ...] = (),
) -> MessageQueued:
    return MessageQueued(
        **vars(OwnersOfTask(task)),
        session_id=session,
        message_id=message,
        text=text,
        attachments=attachments,
    )


def message_cancelled(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> MessageCancelled:
    return MessageCancelled(**vars(OwnersOfTask(task)), session_id=session, message_id=message)


def message_delivered(
    task: TaskId = TASK, session: SessionId = SESSION, message: MessageId = MESSAGE
) -> MessageDelivered:
    return MessageDelivered(**vars(OwnersOfTask(task)), session_id=session, message_id=message)


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
        **vars(OwnersOfTask(task)),
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
        **vars(OwnersOfTask(task)),
        session_id=session,
        request_id=request,
        title="Delete everything?",
        options=(PermissionOption(id="no", name="No", kind="reject_once"),),
    )


def permission_answered(
    task: TaskId = TASK, session: SessionId = SESSION, request: str = "p1", option: str = "no"
) -> PermissionAnswered:
    return PermissionAnswered(
        **vars(OwnersOfTask(task)), session_id=session, request_id=request, option_id=option
    )


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
