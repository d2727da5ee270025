"""Orders that are understood and guarded already, and wait for the workers that will carry them out."""

from typing import NoReturn

from commands.task_orders import PublishPullRequest
from runtime.errors import Rejected


def refuse_later(order: PublishPullRequest) -> NoReturn:
    """Raises `Rejected` with what is missing and what to do meanwhile."""
    raise Rejected(
        "No provider of pull requests is connected; push the task's branch with task.push and open one by hand meanwhile."
    )
