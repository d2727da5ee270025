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
        case ProcessRequested(process_id=id) if id not in task.processes and id not in task.exited:
            requested = Process(command=event.command, args=event.args, position=origin.position)
            return replace(task, processes={**task.processes, id: requested})
        case ProcessStarted() | ProcessStopRequested() if event.process_id in task.processes:
            changed = _after(task.processes[event.process_id], event)
            return replace(task, processes={**task.processes, event.process_id: changed})
        case ProcessExited() if event.process_id in task.processes:
            left = {id: one for id, one in task.processes.items() if id != event.process_id}
            return replace(task, processes=left, exited=task.exited | {event.process_id})
        case _:
            return task


def _after(process: Process, event: ProcessStarted | ProcessStopRequested) -> Process:
    match event:
        case ProcessStarted():
            # A stop that came before the start is still wanted afterwards.
            return replace(process, status="stopping" if process.stop else "running")
        case ProcessStopRequested(signal=signal) if signal in SURVIVABLE:
            return process
        case ProcessStopRequested(signal=signal):
            status = process.status if process.status == "queued" else "stopping"
            return replace(process, status=status, stop=signal)
        case _:
            assert_never(event)
