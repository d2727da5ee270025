"""What a session needs next, decided from the task's state alone."""

from typing import TypeAlias

from msgspec import Struct

from commands.task_state import Session, Task, Waiting


class OpenSession(Struct, frozen=True):
    """The agent has to be started and its session made."""


class Deliver(Struct, frozen=True):
    """The next waiting message is to be handed over."""

    message: Waiting


class CancelTurn(Struct, frozen=True):
    """A person stopped the running turn, or closed the session under it."""


class EndAgent(Struct, frozen=True):
    """The session is closed: its agent process has no more work."""


Step: TypeAlias = OpenSession | Deliver | CancelTurn | EndAgent


def next_step(task: Task, session: Session) -> Step | None:
    """The one thing to do now for a session of a task on this host; None when it waits for others."""
    if session.running is not None:
        return CancelTurn() if session.stop_requested or session.status == "closed" else None
    if session.status == "closed":
        return EndAgent()
    if task.status != "ready" or task.sandbox is None or not task.sandbox.ready:
        return None
    if session.status == "pending":
        return OpenSession()
    if session.status == "ready" and session.queue:
        return Deliver(session.queue[0])
    return None
