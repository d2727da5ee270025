"""How the facts of the processes in a task's sandbox become part of its state."""

from typing import assert_never

from msgspec.structs import replace

from commands.decider import Origin
from commands.task_state import Process, Task
from events.commit import Event
from events.process import (
    SURVIVABLE,
    ProcessExited,
    ProcessRequested,
    ProcessStarted,
    ProcessStopRequested,
)


def evolve_processes(task: Task, event: Event, origin: Origin) -> Task:
    """The task after a fact about one of its processes; the same task after any other fact."""
    match event:
        case ProcessRequested() if event.process_id not in task.processes:
            requested = Process(command=event.command, args=event.args, position=origin.position)
            return replace(task, processes={**task.processes, event.process_id: requested})
        case ProcessStarted() | ProcessStopRequested() | ProcessExited():
            process = task.processes.get(event.process_id)
            if process is None or process.status == "exited":
                return task
            changed = _after(process, event)
            return replace(task, processes={**task.processes, event.process_id: changed})
        case _:
            return task


def _after(
    process: Process, event: ProcessStarted | ProcessStopRequested | ProcessExited
) -> Process:
    match event:
        case ProcessStarted():
            # A stop that came before the start is still wanted afterwards.
            return replace(process, status="stopping" if process.stop else "running")
        case ProcessStopRequested(signal=signal) if signal in SURVIVABLE:
            return process
        case ProcessStopRequested(signal=signal):
            status = process.status if process.status == "queued" else "stopping"
            return replace(process, status=status, stop=signal)
        case ProcessExited():
            return replace(process, status="exited")
        case _:
            assert_never(event)
