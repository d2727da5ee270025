"""The commands about a task and its sessions, processes and issues."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from commands.command import Creating, ForProcess, ForRepository, ForSession, ForTask
from commands.fields import (
    Argument,
    Attachments,
    FilePath,
    Line,
    Name,
    Option,
    Prompt,
    Reference,
    Text,
    Word,
)
from events.task import Permissions

# --- The task ---


class CreateTask(ForRepository, Creating, frozen=True, kw_only=True):
    prompt: Prompt
    title: Name | None = None
    branch: Line | None = None
    on_branch: Line | None = None
    agent: Word | None = None
    model: Name | None = None
    sandbox: Word | None = None
    permissions: Permissions | None = "ask"
    task_id: str | None = None


class RenameTask(ForTask, frozen=True, kw_only=True):
    title: Name


class ArchiveTask(ForTask, frozen=True, kw_only=True):
    pass


class KillTask(ForTask, frozen=True, kw_only=True):
    pass


class RenameBranch(ForTask, frozen=True, kw_only=True):
    branch: Line


class PushTask(ForTask, frozen=True, kw_only=True):
    pass


class MergeTask(ForTask, frozen=True, kw_only=True):
    pass


class PublishPullRequest(ForTask, frozen=True, kw_only=True):
    pass


class RevertFile(ForTask, frozen=True, kw_only=True):
    path: FilePath


class ResolveIssue(ForTask, frozen=True, kw_only=True):
    issue_id: Reference


# --- Its agent sessions ---


class CreateSession(ForTask, frozen=True, kw_only=True):
    name: Name | None = None
    agent: Word | None = None
    model: Name | None = None
    session_id: str | None = None


class SendMessage(ForSession, frozen=True, kw_only=True):
    text: Text
    attachments: Attachments | None = ()


class CancelMessage(ForSession, frozen=True, kw_only=True):
    message_id: Reference


class StopSession(ForSession, frozen=True, kw_only=True):
    pass


class CloseSession(ForSession, frozen=True, kw_only=True):
    pass


class AnswerPermission(ForSession, frozen=True, kw_only=True):
    request_id: Reference
    option_id: Option


class RenameSession(ForSession, frozen=True, kw_only=True):
    name: Name


class ChangeModel(ForSession, frozen=True, kw_only=True):
    model: Name


# --- Its processes ---


class StartProcess(ForTask, frozen=True, kw_only=True):
    command: Line
    args: Annotated[tuple[Argument, ...], Meta(max_length=100)] | None = ()
    process_id: str | None = None


class WriteProcess(ForProcess, frozen=True, kw_only=True):
    text: Text


class StopProcess(ForProcess, frozen=True, kw_only=True):
    signal: Literal["SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGQUIT"] | None = None


SessionCommand: TypeAlias = (
    CreateSession
    | SendMessage
    | CancelMessage
    | StopSession
    | CloseSession
    | AnswerPermission
    | RenameSession
    | ChangeModel
)
BranchCommand: TypeAlias = RenameBranch | PushTask | MergeTask | RevertFile
ProcessCommand: TypeAlias = StartProcess | WriteProcess | StopProcess
TaskCommand: TypeAlias = (
    CreateTask
    | RenameTask
    | ArchiveTask
    | KillTask
    | ResolveIssue
    | PublishPullRequest
    | SessionCommand
    | BranchCommand
    | ProcessCommand
)
