"""The commands about the processes in a task's sandbox."""

from typing import assert_never

from commands.context import Context
from commands.owners import task_owners
from commands.refusals import chosen_id, no_such, taken, wrong
from commands.task_commands import ProcessCommand, StartProcess, StopProcess, WriteProcess
from commands.task_state import Process, Task
from commands.task_work import check_workable
from events.commit import Event
from events.ids import ProcessId
from events.process import ProcessInput, ProcessRequested, ProcessStopRequested
from runtime.errors import Rejected

MAX_RUNNING = 16
"""At most this many processes of one task may run at once."""

MAX_ARGUMENT_BYTES = 128 * 1024
"""For a command and its arguments together, a NUL behind each: Linux takes no single argument that is longer."""


def decide_process(task: Task, command: ProcessCommand, context: Context) -> list[Event]:
    match command:
        case StartProcess():
            return _start(task, command, context)
        case WriteProcess():
            return _write(task, command)
        case StopProcess():
            return _stop(task, command)
        case _:
            assert_never(command)


def _start(task: Task, command: StartProcess, context: Context) -> list[Event]:
    process_id = ProcessId(chosen_id(command.process_id, context.id("proc"), prefix="proc"))
    _check_arguments(command)
    if process_id in task.processes or process_id in task.exited:
        raise taken("process", process_id)
    check_workable(task)
    if len(task.processes) >= MAX_RUNNING:
        raise Rejected(
            f"{MAX_RUNNING} processes of this task are running already; stop one of them first.",
            code="too_many_processes",
        )
    return [
        ProcessRequested(
            **task_owners(task),
            process_id=process_id,
            command=command.command,
            args=command.args or (),
        )
    ]


def _check_arguments(command: StartProcess) -> None:
    size = sum(len(one.encode()) + 1 for one in (command.command, *(command.args or ())))
    if size > MAX_ARGUMENT_BYTES:
        raise wrong(
            "/args",
            f"A command and its arguments may have {MAX_ARGUMENT_BYTES // 1024} KB together in UTF-8; "
            "hand over more on its standard input or in a file.",
        )


def _write(task: Task, command: WriteProcess) -> list[Event]:
    process_id = ProcessId(command.process_id)
    if process_id in task.exited:
        raise Rejected(
            "The process has ended and reads nothing any more; start another one.",
            code="process_over",
        )
    _process(task, process_id)
    if not command.text:
        return []
    return [ProcessInput(**task_owners(task), process_id=process_id, text=command.text)]


def _stop(task: Task, command: StopProcess) -> list[Event]:
    process_id = ProcessId(command.process_id)
    if process_id in task.exited:
        return []
    signal = command.signal or "SIGTERM"
    # What is to end already is not asked again, except at once instead of in order.
    if _process(task, process_id).stop in (signal, "SIGKILL"):
        return []
    return [ProcessStopRequested(**task_owners(task), process_id=process_id, signal=signal)]


def _process(task: Task, process_id: ProcessId) -> Process:
    process = task.processes.get(process_id)
    if process is None:
        raise no_such("process")
    return process
