"""A task as its history has it, in the words of the providers of sandboxes."""

from commands.task_state import Task
from workflows.sandbox import Sandbox, Work


def work_of(task: Task) -> Work | None:
    """What the task works on, once that is settled."""
    return Work(repository_id=task.repository_id, branch=task.branch) if task.branch else None


def sandbox_of(task: Task) -> Sandbox:
    """The task's sandbox in its provider's words."""
    assert task.sandbox is not None
    return Sandbox(
        sandbox_id=task.sandbox.id,
        task_id=task.task_id,
        repository_id=task.repository_id,
        path=task.sandbox.path,
    )
