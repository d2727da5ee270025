"""The SQL statements with which each fact changes the directory. Applying one twice changes nothing more."""

from collections.abc import Iterator
from typing import TypeAlias

from commands.keys import command_key, short_key
from events.agent_session import AgentSessionCreated
from events.commit import Event, Recorded
from events.job import (
    JobAnnounced,
    JobCancelled,
    JobFailed,
    JobOpened,
    JobRetryRequested,
    JobStarted,
    JobSucceeded,
)
from events.organization import MemberAdded, MemberRemoved, OrganizationCreated, RepositoryAdded
from events.process import ProcessRequested
from events.store import id_of
from events.task import SandboxAllocated, SandboxReleased, TaskCreated, TaskKilled
from events.user import TokenCreated, UserCreated

Value: TypeAlias = str | bytes | int | None
Row: TypeAlias = tuple[str, tuple[Value, ...]]

_THING = "INSERT OR IGNORE INTO things VALUES (?, ?, ?, ?, ?)"
_KEY = "INSERT OR IGNORE INTO command_keys VALUES (?, ?)"
_TASK = "INSERT OR IGNORE INTO tasks (id, repository_id) VALUES (?, ?)"
_TASK_HOST = "UPDATE tasks SET host = ? WHERE id = ?"
_TASK_KILLED = "UPDATE tasks SET killed = 1 WHERE id = ?"
_MEMBER = "INSERT OR IGNORE INTO members VALUES (?, ?)"
_NO_MEMBER = "DELETE FROM members WHERE user_id = ? AND organization_id = ?"
_JOB = """
    INSERT OR IGNORE INTO jobs
        (id, kind, organization_id, repository_id, task_id, announced_in, announced_by, announced_position)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_JOB_OPENED = "UPDATE jobs SET opened = 1 WHERE id = ?"
_JOB_STARTED = "UPDATE jobs SET started_on = ? WHERE id = ?"
_JOB_ENDED = "UPDATE jobs SET ended = ? WHERE id = ?"


def rows_of(recorded: Recorded) -> Iterator[Row]:
    """The statements of one commit, in order. Raises `Undecodable`."""
    commit = recorded.commit
    if commit.command is not None:
        key = command_key(commit.actor, commit.command.name, commit.command.id)
        yield _KEY, (short_key(key), recorded.position)
    for event in commit.events:
        yield from _rows(event, recorded)


def _rows(event: Event, recorded: Recorded) -> Iterator[Row]:
    aggregate, aggregate_id = recorded.kind, id_of(recorded.subject)
    organization = recorded.commit.organization_id

    def thing(thing_id: str, kind: str) -> Row:
        return _THING, (thing_id, kind, organization, aggregate, aggregate_id)

    match event:
        case UserCreated():
            yield thing(event.user_id, "user")
        case TokenCreated():
            yield thing(event.token_id, "token")
        case OrganizationCreated():
            yield thing(event.organization_id, "organization")
            yield _MEMBER, (event.owner_id, event.organization_id)
        case MemberAdded():
            yield _MEMBER, (event.user_id, event.organization_id)
        case MemberRemoved():
            yield _NO_MEMBER, (event.user_id, event.organization_id)
        case RepositoryAdded():
            yield thing(event.repository_id, "repository")
        case TaskCreated():
            yield thing(event.task_id, "task")
            yield _TASK, (event.task_id, event.repository_id)
        case AgentSessionCreated():
            yield thing(event.session_id, "session")
        case ProcessRequested():
            yield thing(event.process_id, "process")
        case SandboxAllocated():
            yield _TASK_HOST, (event.host, event.task_id)
        case SandboxReleased():
            yield _TASK_HOST, (None, event.task_id)
        case TaskKilled():
            yield _TASK_KILLED, (event.task_id,)
        case JobAnnounced():
            yield thing(event.job_id, "job")
            yield (
                _JOB,
                (
                    event.job_id,
                    event.kind,
                    event.organization_id,
                    event.repository_id,
                    event.task_id,
                    aggregate,
                    aggregate_id,
                    recorded.position,
                ),
            )
        case JobOpened():
            yield _JOB_OPENED, (event.job_id,)
        case JobStarted():
            yield _JOB_STARTED, (event.host, event.job_id)
        case JobSucceeded() | JobFailed() | JobCancelled():
            yield _JOB_ENDED, (1, event.job_id)
        case JobRetryRequested():
            yield _JOB_ENDED, (0, event.job_id)
        # All other facts happen inside something that is known already.
        case _:
            return
