"""`processes/<task>`: what runs, or ran, in the task's sandbox at somebody's request."""

from typing import Literal

from msgspec.structs import replace

from events.ids import ProcessId, Timestamp
from events.process import (
    SURVIVABLE,
    ProcessExited,
    ProcessOutput,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
)
from events.task import TaskCreated, TaskEvent
from projectors.rows import Row, Rows

SHOWN = 100
"""The view shows this many of the processes that exited last; those that run are always there."""


class ProcessesSelf(Row, frozen=True):
    """The view has no scalars of its own."""


class Process(Row, frozen=True, kw_only=True):
    """`tail` is the newest end of what it printed."""

    id: ProcessId
    command: str
    args: tuple[str, ...]
    status: Literal["queued", "running", "stopping", "exited"] = "queued"
    exit_code: int | None = None
    started_at: Timestamp | None = None
    exited_at: Timestamp | None = None
    tail: str = ""


class ExitedProcesses(Row, frozen=True):
    """Hidden: which of those shown have exited, in the order in which they did."""

    ids: tuple[ProcessId, ...] = ()


def project_processes(rows: Rows, event: TaskEvent, at: Timestamp) -> None:
    topic = f"processes/{event.task_id}"
    if isinstance(event, TaskCreated):
        rows.put(topic, "self", event.task_id, ProcessesSelf())
        return
    if isinstance(event, ProcessRequested):
        process = Process(id=event.process_id, command=event.command, args=event.args)
        if rows.get(topic, "process", process.id, Process) is None:
            rows.put(topic, "process", process.id, process)
        return
    if not isinstance(event, ProcessStarted | ProcessOutput | ProcessStopRequested | ProcessExited):
        return
    known = rows.get(topic, "process", event.process_id, Process)
    if known is None or (known.status == "exited" and not isinstance(event, ProcessOutput)):
        return
    match event:
        case ProcessStarted():
            known = replace(known, status="running", started_at=at)
        case ProcessOutput(tail=tail):
            known = replace(known, tail=tail)
        case ProcessStopRequested(signal=signal) if signal in SURVIVABLE:
            return
        case ProcessStopRequested():
            known = replace(known, status="stopping")
        case ProcessExited(exit_code=exit_code):
            known = replace(known, status="exited", exit_code=exit_code, exited_at=at)
            _let_oldest_go(rows, topic, known.id)
    rows.put(topic, "process", known.id, known)


def _let_oldest_go(rows: Rows, topic: str, exited: ProcessId) -> None:
    before = rows.get(topic, "_exited", topic, ExitedProcesses) or ExitedProcesses()
    ids = (*before.ids, exited)
    for gone in ids[:-SHOWN]:
        rows.remove(topic, "process", gone)
    rows.put(topic, "_exited", topic, ExitedProcesses(ids[-SHOWN:]))
