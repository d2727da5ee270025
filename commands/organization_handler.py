"""Commands about what belongs to an organization: itself, its repositories, tasks and jobs. Members only."""

from collections.abc import Callable

from msgspec.structs import replace

from commands.aggregates import Aggregates
from commands.answers import Answer
from commands.authorization import check_command, check_member
from commands.command import ForProcess
from commands.context import Context
from commands.deciding import Deciding
from commands.job import JOB, JobCommand, RetryJob
from commands.job_state import Job, JobState
from commands.lookup import Lookup
from commands.organization import ORGANIZATION
from commands.organization_commands import (
    AddMember,
    AddRepository,
    CreateOrganization,
    OrganizationCommand,
    RemoveRepository,
)
from commands.organization_state import Organization, OrganizationState
from commands.refusals import chosen_id, no_such
from commands.repository import REPOSITORY, Repository, RepositoryCommand, standing_act
from commands.request import Request
from commands.task import TASK
from commands.task_commands import CreateSession, CreateTask, StartProcess, TaskCommand
from commands.task_state import Task, TaskState
from commands.task_work import standing_job
from events.addresses import Remote
from events.ids import RepositoryId, is_id


class OrganizationHandler:
    def __init__(
        self,
        aggregates: Aggregates,
        lookup: Lookup,
        deciding: Deciding,
        read_remote: Callable[[str], Remote],
    ) -> None:
        self._aggregates = aggregates
        self._lookup = lookup
        self._deciding = deciding
        self._read_remote = read_remote

    async def organization(
        self, request: Request, command: OrganizationCommand, base: Context
    ) -> Answer:
        match command:
            case CreateOrganization():
                noun = "organization"
                organization_id = chosen_id(command.organization_id, base.id("org"), prefix="org")
            case RemoveRepository():
                noun = "repository"
                located = await self._lookup.located(command.repository_id, "repo", noun)
                organization_id = located.aggregate_id
            case _:
                noun = "organization"
                organization_id = command.organization_id
                if not is_id(organization_id, "org"):
                    raise no_such(noun)
        chosen = command.repository_id if isinstance(command, AddRepository) else None
        if chosen is not None:
            base = replace(base, chosen_id=chosen)

        async def prepare(state: OrganizationState) -> Context:
            if isinstance(command, CreateOrganization):
                return base
            present = state if isinstance(state, Organization) else None
            organization = check_member(present, request.user_id, noun=noun)
            check_command(organization, request.user_id, command)
            match command:
                case AddMember():
                    return replace(base, user=await self._lookup.user(command.user_id))
                case AddRepository():
                    await self._lookup.check_untaken(chosen, "repo", "repository", organization_id)
                    return replace(base, remote=self._read_remote(command.remote_url))
                case RemoveRepository():
                    busy = await self._lookup.busy_tasks(command.repository_id)
                    return replace(base, busy_tasks=busy)
                case _:
                    return base

        async with self._lookup.giving_away(chosen):
            return await self._deciding.decide(
                ORGANIZATION, organization_id, command, request, prepare
            )

    async def repository(
        self, request: Request, command: RepositoryCommand, base: Context
    ) -> Answer:
        repository_id = RepositoryId(command.repository_id)
        located = await self._lookup.located(repository_id, "repo", "repository")

        async def prepare(repository: Repository) -> Context:
            organization = await self._lookup.organization(
                located.aggregate_id, request.user_id, noun="repository"
            )
            if repository_id not in organization.repositories:
                raise no_such("repository")
            standing = standing_act(repository, organization, command)
            return replace(
                base,
                organization=organization,
                job=await self._lookup.job(standing),
            )

        return await self._deciding.decide(REPOSITORY, repository_id, command, request, prepare)

    async def task(self, request: Request, command: TaskCommand, base: Context) -> Answer:
        if isinstance(command, CreateTask):
            return await self._create_task(request, command, base)
        if isinstance(command, ForProcess):
            noun = "process"
            task_id = (await self._lookup.located(command.process_id, "proc", noun)).aggregate_id
            if command.task_id not in (None, task_id):
                raise no_such(noun)
        else:
            noun = "task"
            task_id = command.task_id
            if not is_id(task_id, "task"):
                raise no_such(noun)
        session_id = command.session_id if isinstance(command, CreateSession) else None
        process_id = command.process_id if isinstance(command, StartProcess) else None

        async def prepare(state: TaskState) -> Context:
            if not isinstance(state, Task):
                raise no_such(noun)
            organization = await self._lookup.organization(
                state.organization_id, request.user_id, noun=noun
            )
            await self._lookup.check_untaken(session_id, "ses", "session", task_id)
            await self._lookup.check_untaken(process_id, "proc", "process", task_id)
            job = await self._lookup.job(standing_job(state, command))
            return replace(base, organization=organization, job=job)

        async with (
            self._lookup.giving_away(session_id),
            self._lookup.giving_away(process_id),
            self._lookup.unreadable_only_to_members(task_id, request.user_id, noun=noun),
        ):
            return await self._deciding.decide(TASK, task_id, command, request, prepare)

    async def _create_task(self, request: Request, command: CreateTask, base: Context) -> Answer:
        task_id = chosen_id(command.task_id, base.id("task"), prefix="task")
        if command.task_id is not None:
            base = replace(base, chosen_id=command.task_id)

        async def prepare(state: TaskState) -> Context:
            located = await self._lookup.located(command.repository_id, "repo", "repository")
            organization = await self._lookup.organization(
                located.aggregate_id, request.user_id, noun="repository"
            )
            return replace(base, organization=organization)

        return await self._deciding.decide(TASK, task_id, command, request, prepare)

    async def job(self, request: Request, command: JobCommand, base: Context) -> Answer:
        job_id = command.job_id
        located = await self._lookup.located(job_id, "job", "job")

        async def prepare(state: JobState) -> Context:
            organization = await self._lookup.organization(
                located.organization_id, request.user_id, noun="job"
            )
            if isinstance(command, RetryJob) and isinstance(state, Job):
                return replace(
                    base,
                    organization=organization,
                    task=await self._lookup.task_of(state),
                    newer_job=await self._lookup.newer_job(state),
                )
            return base

        await prepare(JOB.initial)
        # Announced elsewhere: a worker opens its own history a moment later.
        await self._aggregates.opened(JOB, job_id)
        return await self._deciding.decide(JOB, job_id, command, request, prepare)
