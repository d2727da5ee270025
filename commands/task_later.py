"""Orders that are understood and guarded already, and wait for the workers that will carry them out."""

from typing import NoReturn, assert_never

from commands.refusals import check_branch
from commands.task_orders import (
    LaterCommand,
    MergeTask,
    PublishPullRequest,
    PushTask,
    RenameBranch,
    RevertFile,
    StartProcess,
    StopProcess,
    WriteProcess,
)
from runtime.errors import Rejected


def refuse_later(order: LaterCommand) -> NoReturn:
    """Raises `Rejected` with what is missing and what to do meanwhile."""
    match order:
        case RenameBranch():
            check_branch("/branch", order.branch)
            raise Rejected(
                "A task's branch keeps its name in this version; name it with `branch` when the task is created."
            )
        case PushTask():
            raise Rejected(
                "No provider with a right to push is connected; push the task's branch from its sandbox or repository meanwhile."
            )
        case MergeTask():
            raise Rejected(
                "Merging waits for a connected provider; merge the task's branch with git meanwhile."
            )
        case PublishPullRequest():
            raise Rejected(
                "No provider of pull requests is connected; push the task's branch and open one by hand meanwhile."
            )
        case RevertFile():
            raise Rejected(
                "Single files cannot be reverted in this version; ask the agent to run `git checkout` on the file meanwhile."
            )
        case StartProcess() | WriteProcess() | StopProcess():
            raise Rejected(
                "Processes beside the agent's are not run in this version; send the command to a session of the `shell` agent meanwhile."
            )
        case _:
            assert_never(order)
