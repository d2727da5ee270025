"""What a command is answered with, the first time and every time after."""

from functools import cache

from msgspec import UNSET, Struct, UnsetType

from commands.command import Command
from commands.context import Context
from commands.organization_state import Organization
from commands.repository import RefreshRepository, Repository, standing_act
from commands.stack import ActOnRepository
from commands.task_state import Task
from commands.task_work import standing_job
from events.agent_session import AgentSessionCreated, MessageQueued
from events.commit import Event, Recorded, tag_of
from events.ids import JobId, Position
from events.job import JobAnnounced
from events.organization import OrganizationCreated, RepositoryAdded
from events.process import ProcessRequested
from events.task import TaskCreated
from events.user import TokenCreated, UserCreated


class Answer(Struct, frozen=True, kw_only=True):
    """`position` is what to wait for to read one's own write. `secret` is there once, when one was made."""

    command_id: str
    position: Position
    events: list[str]
    ids: dict[str, str]
    secret: str | UnsetType = UNSET


def answer_of(recorded: Recorded) -> Answer:
    """The answer as the stored commit gives it, for a command that comes again."""
    commit = recorded.commit
    assert commit.command is not None
    return Answer(
        command_id=commit.command.id,
        position=recorded.position,
        events=[tag_of(event) for event in commit.events],
        ids=commit.ids,
    )


def named_ids(command: Command) -> dict[str, str]:
    """The ids that a command itself names."""
    named = ((field, getattr(command, field)) for field in _id_fields(type(command)))
    return {field: value for field, value in named if value}


@cache
def _id_fields(shape: type[Command]) -> list[str]:
    return [field for field in shape.__struct_fields__ if field.endswith("_id")]


def made_ids(events: list[Event]) -> dict[str, str]:
    """The ids of what a decision makes."""
    ids: dict[str, str] = {}
    for event in events:
        match event:
            case UserCreated():
                ids["user_id"] = event.user_id
            case TokenCreated():
                ids |= {"user_id": event.user_id, "token_id": event.token_id}
            case OrganizationCreated():
                ids["organization_id"] = event.organization_id
            case RepositoryAdded():
                ids["repository_id"] = event.repository_id
            case TaskCreated():
                ids["task_id"] = event.task_id
            case AgentSessionCreated():
                ids["session_id"] = event.session_id
            case ProcessRequested():
                ids["process_id"] = event.process_id
            case MessageQueued():
                ids["message_id"] = event.message_id
            case JobAnnounced():
                ids["job_id"] = event.job_id
            case _:
                pass
    return ids


def standing_ids(state: object, command: Command, context: Context) -> dict[str, str]:
    """The job that already does what the command asks for: an answer names it although nothing changed."""
    job_id: JobId | None = None
    match state, command:
        case Task(), _ if context.job is None or context.job.open:
            job_id = standing_job(state, command)
        case Repository(), RefreshRepository() | ActOnRepository():
            organization = context.organization
            assert isinstance(organization, Organization)
            job_id = standing_act(state, organization, command)
        case _:
            pass
    return {"job_id": job_id} if job_id else {}
