"""What may be ordered of the processes in a task's sandbox."""

from typing import assert_never

from commands.context import Context
from commands.owners import task_owners
from commands.refusals import chosen_id, no_such, taken
from commands.task_orders import ProcessCommand, StartProcess, StopProcess, WriteProcess
from commands.task_state import Process, Task
from commands.task_work import check_workable
from events.commit import Event
from events.ids import ProcessId
from events.process import ProcessInput, ProcessRequested, ProcessStopRequested
from runtime.errors import Rejected

MAX_RUNNING = 16
"""So many of one task may run at once."""


def decide_process(task: Task, order: ProcessCommand, context: Context) -> list[Event]:
    match order:
        case StartProcess():
            return _start(task, order, context)
        case WriteProcess():
            return _write(task, order)
        case StopProcess():
            return _stop(task, order)
        case _:
            assert_never(order)


def _start(task: Task, order: StartProcess, context: Context) -> list[Event]:
    process_id = ProcessId(chosen_id(order.process_id, context.id("proc"), prefix="proc"))
    if process_id in task.processes:
        raise taken("process", process_id)
    check_workable(task)
    running = [one for one in task.processes.values() if one.status != "exited"]
    if len(running) >= MAX_RUNNING:
        raise Rejected(
            f"{MAX_RUNNING} processes of this task run already; stop one of them first.",
            code="too_many_processes",
        )
    return [
        ProcessRequested(
            **task_owners(task), process_id=process_id, command=order.command, args=order.args or ()
        )
    ]


def _write(task: Task, order: WriteProcess) -> list[Event]:
    process_id = ProcessId(order.process_id)
    if _process(task, process_id).status == "exited":
        raise Rejected("The process has ended and reads nothing any more.", code="process_over")
    if not order.text:
        return []
    return [ProcessInput(**task_owners(task), process_id=process_id, text=order.text)]


def _stop(task: Task, order: StopProcess) -> list[Event]:
    process_id = ProcessId(order.process_id)
    process = _process(task, process_id)
    signal = order.signal or "SIGTERM"
    # What is to end already is not asked again, except at once instead of in order.
    if process.status == "exited" or process.stop in (signal, "SIGKILL"):
        return []
    return [ProcessStopRequested(**task_owners(task), process_id=process_id, signal=signal)]


def _process(task: Task, process_id: ProcessId) -> Process:
    process = task.processes.get(process_id)
    if process is None:
        raise no_such("process")
    return process
