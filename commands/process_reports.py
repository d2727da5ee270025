"""What workers report about the processes in a task's sandbox."""

from collections.abc import Sequence

from commands.owners import task_owners
from commands.task_state import Process, Task, TaskState
from events.ids import ProcessId
from events.process import ProcessExited, ProcessOutput, ProcessStarted
from events.task import TaskEvent


def process_started(task: TaskState, *, process_id: ProcessId) -> list[TaskEvent]:
    """Stored before the start. Only who gets the fact back starts the command; `[]` means: do not."""
    match task, _process(task, process_id):
        case Task(over=False), Process(status="queued"):
            return [ProcessStarted(**task_owners(task), process_id=process_id)]
        case _:
            return []


def process_output(task: TaskState, *, process_id: ProcessId, tail: str) -> list[TaskEvent]:
    match task, _process(task, process_id):
        case Task(), Process(status="running" | "stopping"):
            return [ProcessOutput(**task_owners(task), process_id=process_id, tail=tail)]
        case _:
            return []


def process_exited(
    task: TaskState, *, process_id: ProcessId, exit_code: int | None, tail: str | None = None
) -> list[TaskEvent]:
    """The end, once, with the last output if that was not reported yet."""
    match task, _process(task, process_id):
        case Task(), Process(status="queued" | "running" | "stopping"):
            owners = task_owners(task)
            said: Sequence[TaskEvent] = (
                [ProcessOutput(**owners, process_id=process_id, tail=tail)] if tail else []
            )
            return [*said, ProcessExited(**owners, process_id=process_id, exit_code=exit_code)]
        case _:
            return []


def _process(task: TaskState, process_id: ProcessId) -> Process | None:
    match task:
        case Task():
            return task.processes.get(process_id)
        case _:
            return None
