"""What workers report about an agent session: whether it can be talked to, its turns, its questions."""

from collections.abc import Sequence

from commands.owners import task_owners
from commands.task_state import Session, Task, TaskState
from events.agent_session import (
    AgentSessionFailed,
    AgentSessionReady,
    MessageDelivered,
    PermissionOption,
    PermissionRequested,
    StopReason,
    TurnEnded,
)
from events.ids import MessageId, Position, SessionId
from events.task import TaskEvent


def session_ready(task: TaskState, *, session_id: SessionId) -> list[TaskEvent]:
    match task, _session(task, session_id):
        case Task(), Session(status="pending" | "error"):
            return [AgentSessionReady(**task_owners(task), session_id=session_id)]
        case _:
            return []


def session_failed(task: TaskState, *, session_id: SessionId, message: str) -> list[TaskEvent]:
    match task, _session(task, session_id):
        case Task(), Session(status="pending" | "ready" | "running"):
            owners = task_owners(task)
            return [AgentSessionFailed(**owners, session_id=session_id, message=message)]
        case _:
            return []


def message_delivered(
    task: TaskState, *, session_id: SessionId, message_id: MessageId
) -> list[TaskEvent]:
    """Stored before the hand-over. Only who gets the fact back hands the message over; `[]` means: do not.

    It fits for the first waiting message of a session that is ready and has no turn running.
    """
    match task, _session(task, session_id):
        case Task(status="ready"), Session(status="ready", running=None, queue=(first, *_)):
            if first.id == message_id:
                owners = task_owners(task)
                return [MessageDelivered(**owners, session_id=session_id, message_id=message_id)]
            return []
        case _:
            return []


def turn_ended(
    task: TaskState,
    *,
    session_id: SessionId,
    message_id: MessageId,
    stop_reason: StopReason,
    transcript_version: Position,
    error: str | None = None,
) -> list[TaskEvent]:
    match task, _session(task, session_id):
        case Task(), Session(running=running) if running == message_id:
            return [
                TurnEnded(
                    **task_owners(task),
                    session_id=session_id,
                    message_id=message_id,
                    stop_reason=stop_reason,
                    transcript_version=transcript_version,
                    error=error,
                )
            ]
        case _:
            return []


def permission_requested(
    task: TaskState,
    *,
    session_id: SessionId,
    request_id: str,
    title: str,
    options: Sequence[PermissionOption],
) -> list[TaskEvent]:
    """The agent asks before it acts; only while a turn runs, and each question once."""
    match task, _session(task, session_id):
        case Task(), Session(running=str()) as session if request_id not in session.requests:
            return [
                PermissionRequested(
                    **task_owners(task),
                    session_id=session_id,
                    request_id=request_id,
                    title=title,
                    options=tuple(options),
                )
            ]
        case _:
            return []


def _session(task: TaskState, session_id: SessionId) -> Session | None:
    match task:
        case Task():
            return task.sessions.get(session_id)
        case _:
            return None
