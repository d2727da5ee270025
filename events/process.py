"""Facts about the processes people start in the sandbox of a task."""

from events.fact import TaskFact
from events.ids import ProcessId

SURVIVABLE = frozenset({"SIGINT", "SIGHUP", "SIGQUIT"})
"""Signals a process may take and go on; the others end it for certain."""


class ProcessRequested(TaskFact, frozen=True, kw_only=True, tag="process_requested"):
    process_id: ProcessId
    command: str
    args: tuple[str, ...] = ()


class ProcessStarted(TaskFact, frozen=True, kw_only=True, tag="process_started"):
    process_id: ProcessId


class ProcessOutput(TaskFact, frozen=True, kw_only=True, tag="process_output"):
    """The newest end of what the process printed."""

    process_id: ProcessId
    tail: str


class ProcessInput(TaskFact, frozen=True, kw_only=True, tag="process_input"):
    """Text for the standard input of the process."""

    process_id: ProcessId
    text: str


class ProcessStopRequested(TaskFact, frozen=True, kw_only=True, tag="process_stop_requested"):
    process_id: ProcessId
    signal: str


class ProcessExited(TaskFact, frozen=True, kw_only=True, tag="process_exited"):
    """`exit_code` is negative for a signal, None when nobody could see the end."""

    process_id: ProcessId
    exit_code: int | None
