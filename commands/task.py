"""A task: made with its first session and message, renamed, put away; its sessions have files of their own."""

from typing import assert_never

from commands.agent_session import decide_session
from commands.agents import check_agent, default_agent, default_model
from commands.context import Context
from commands.decider import ABSENT, Absent, Decider
from commands.owners import TaskOwners, task_owners
from commands.process import decide_process
from commands.refusals import check_branch, chosen_id, no_such, taken, unknown, wrong
from commands.task_commands import (
    AnswerPermission,
    ArchiveTask,
    CancelMessage,
    ChangeModel,
    CloseSession,
    CreateSession,
    CreateTask,
    KillTask,
    MergeTask,
    PublishPullRequest,
    PushTask,
    RenameBranch,
    RenameSession,
    RenameTask,
    ResolveIssue,
    RevertFile,
    SendMessage,
    StartProcess,
    StopProcess,
    StopSession,
    TaskCommand,
    WriteProcess,
)
from commands.task_evolve import evolve
from commands.task_state import Task, TaskState
from commands.task_work import announced, begun_anew, decide_work, still_open
from events.agent_session import AgentSessionCreated, MessageQueued
from events.commit import Event
from events.ids import IssueId, JobId, MessageId, RepositoryId, SessionId, TaskId
from events.job import TASK_ARCHIVE, TASK_KILL, TASK_PROVISION, JobAnnounced
from events.task import (
    IssueResolved,
    TaskArchiveRequested,
    TaskCreated,
    TaskKillRequested,
    TaskRenamed,
)
from runtime.errors import Rejected

TITLE_LENGTH = 80
DEFAULT_PROVIDER = "local"
JOINERS = "\u200c\u200d"
"""Nobody sees them, but what stands around them: words of Persian and Hindi, and emoji that are made of several."""

# --- Rules ---


def title_from(prompt: str) -> str:
    """A title for a task that was given none: the prompt's first line with something in it, shortened."""
    lines = (
        "".join(c if c.isprintable() or c in JOINERS else " " for c in line)
        for line in prompt.splitlines()
    )
    first = next((" ".join(line.split()) for line in lines if line.strip(f"{JOINERS} ")), "Task")
    return first if len(first) <= TITLE_LENGTH else first[: TITLE_LENGTH - 1].rstrip() + "…"


def _create(state: TaskState, command: CreateTask, context: Context) -> list[Event]:
    task_id = TaskId(chosen_id(command.task_id, context.id("task"), prefix="task"))
    if isinstance(state, Task):
        raise taken("task", task_id)
    organization = context.organization
    repository_id = RepositoryId(command.repository_id)
    if organization is None or repository_id not in organization.repositories:
        raise no_such("repository")
    _check_branches(command)
    agent = command.agent or default_agent(organization)
    check_agent("/agent", agent, context)
    provider = command.sandbox or DEFAULT_PROVIDER
    _check_provider(provider, context)
    model = command.model or default_model(organization, agent)
    owners = TaskOwners(
        task_id=task_id,
        organization_id=organization.organization_id,
        repository_id=repository_id,
    )
    session_id = SessionId(context.id("ses"))
    remote_url = organization.repositories[repository_id].remote_url
    return [
        TaskCreated(
            **owners,
            remote_url=remote_url,
            title=command.title or title_from(command.prompt),
            prompt=command.prompt,
            agent=agent,
            model=model,
            sandbox=provider,
            permissions=command.permissions or "ask",
            branch=command.branch,
            on_branch=command.on_branch,
        ),
        AgentSessionCreated(
            **owners, session_id=session_id, name="Session 1", agent=agent, model=model
        ),
        MessageQueued(
            **owners,
            session_id=session_id,
            message_id=MessageId(context.id("msg")),
            text=command.prompt,
        ),
        JobAnnounced(
            **owners,
            job_id=JobId(context.id("job")),
            kind=TASK_PROVISION,
            input={"session_id": session_id, "remote_url": remote_url},
        ),
    ]


def _check_branches(command: CreateTask) -> None:
    check_branch("/branch", command.branch)
    check_branch("/on_branch", command.on_branch)
    if command.branch is not None and command.on_branch is not None:
        raise wrong("/on_branch", "A task has a new branch or works on an existing one, not both.")


def _check_provider(provider: str, context: Context) -> None:
    if provider not in context.known_providers:
        known = ", ".join(sorted(context.known_providers))
        detail = f"There is no sandbox provider {provider!r} here; there are: {known}."
        raise unknown("/sandbox", detail, code="unknown_sandbox")


def _rename(task: Task, command: RenameTask) -> list[Event]:
    if task.status in ("killing", "killed"):
        raise Rejected("A killed task keeps its title; create a new one.", code="task_over")
    if task.title == command.title:
        return []
    return [TaskRenamed(**task_owners(task), title=command.title)]


def _archive(task: Task, context: Context) -> list[Event]:
    match task.status:
        case "archived":
            return []
        case "archiving":
            return _once_more(task, TASK_ARCHIVE, context)
        case "killing" | "killed":
            raise Rejected(
                "A killed task cannot be archived, it is gone; create a new one.", code="task_over"
            )
        case "provisioning" | "ready" | "failed":
            return [
                TaskArchiveRequested(**task_owners(task)),
                announced(task, TASK_ARCHIVE, context),
            ]
        case _:
            assert_never(task.status)


def _kill(task: Task, context: Context) -> list[Event]:
    match task.status:
        case "killed":
            return []
        case "killing":
            return _once_more(task, TASK_KILL, context)
        case "provisioning" | "ready" | "failed" | "archiving" | "archived":
            return [TaskKillRequested(**task_owners(task)), announced(task, TASK_KILL, context)]
        case _:
            assert_never(task.status)


def _once_more(task: Task, kind: str, context: Context) -> list[Event]:
    """Its job may have failed or been cancelled, and who gives the command again wants it to be done."""
    return [] if still_open(task, kind, context) else begun_anew(task, kind, context)


def _resolve_issue(task: Task, command: ResolveIssue) -> list[Event]:
    issue_id = IssueId(command.issue_id)
    if issue_id not in task.issues:
        raise no_such("issue")
    if not task.issues[issue_id].open:
        return []
    return [IssueResolved(**task_owners(task), issue_id=issue_id)]


# --- Decider ---


def decide(state: TaskState, command: TaskCommand, context: Context) -> list[Event]:
    if isinstance(command, CreateTask):
        return _create(state, command, context)
    if isinstance(state, Absent):
        raise no_such("task")
    match command:
        case RenameTask():
            return _rename(state, command)
        case ArchiveTask():
            return _archive(state, context)
        case KillTask():
            return _kill(state, context)
        case ResolveIssue():
            return _resolve_issue(state, command)
        case (
            CreateSession()
            | SendMessage()
            | CancelMessage()
            | StopSession()
            | CloseSession()
            | AnswerPermission()
            | RenameSession()
            | ChangeModel()
        ):
            return decide_session(state, command, context)
        case RenameBranch() | PushTask() | MergeTask() | RevertFile():
            return decide_work(state, command, context)
        case StartProcess() | WriteProcess() | StopProcess():
            return decide_process(state, command, context)
        case PublishPullRequest():
            raise Rejected(
                "No provider of pull requests is connected; push the task's branch with task.push and "
                "open one by hand meanwhile."
            )
        case _:
            assert_never(command)


TASK: Decider[TaskState, TaskCommand] = Decider(
    name="task", initial=ABSENT, shape=Task, evolve=evolve, decide=decide
)
