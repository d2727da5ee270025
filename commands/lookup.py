"""Finds what a command names, read at the head, for those who may see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from itertools import compress

from commands.aggregates import Aggregates
from commands.authorization import administers, check_member
from commands.directory import Directory, Located
from commands.job import JOB
from commands.job_state import Job
from commands.organization import ORGANIZATION
from commands.organization_state import Organization
from commands.refusals import no_such, taken
from commands.repository import REPOSITORY, newest_job
from commands.stack import work_key
from commands.task import TASK
from commands.task_state import Task
from commands.user import USER
from commands.user_state import User
from events.ids import JobId, TaskId, UserId, is_id
from events.job import TASK_REVERT_FILE
from runtime.errors import Unavailable
from runtime.keyed_locks import KeyedLocks

LOOKS_AT_ONCE = 16
"""This many tasks of a repository are loaded at once."""


class Lookup:
    """Everything is confirmed at its head in the store: no command is decided without a removal that another node stored."""

    def __init__(self, aggregates: Aggregates, directory: Directory) -> None:
        self._aggregates = aggregates
        self._directory = directory
        self._chosen = KeyedLocks()

    async def located(self, thing_id: str, prefix: str, noun: str) -> Located:
        """Where a thing is ruled. Raises `NotFound`; text that cannot be an id names nothing."""
        located = await self._directory.locate(thing_id) if is_id(thing_id, prefix) else None
        if located is None or located.kind != noun:
            raise no_such(noun)
        return located

    def giving_away(self, thing_id: str | None) -> AbstractAsyncContextManager[None]:
        """Inside, an id the caller chose is given away by nobody else in this process."""
        return nullcontext() if thing_id is None else self._chosen.of(thing_id)

    async def check_untaken(
        self, thing_id: str | None, prefix: str, noun: str, owner_id: str
    ) -> None:
        """Raises `Conflict` if something of another owner has the id the caller chose.

        No owner's history knows the ids of the others, so the directory is asked: for those who may see
        the owner only, or this would tell it apart from one that never was.
        """
        if thing_id is None or not is_id(thing_id, prefix):
            return
        located = await self._directory.locate(thing_id)
        if located is not None and located.aggregate_id != owner_id:
            raise taken(noun, thing_id)

    async def organization(
        self, organization_id: str | None, caller: UserId, *, noun: str
    ) -> Organization:
        """An organization the caller is a member of, for a command about its `noun`. Raises `NotFound`."""
        if organization_id is None or not is_id(organization_id, "org"):
            raise no_such(noun)
        loaded = await self._aggregates.confirmed(ORGANIZATION, organization_id)
        organization = loaded.state if isinstance(loaded.state, Organization) else None
        return check_member(organization, caller, noun=noun)

    async def task_and_organization(
        self, task_id: str, caller: UserId
    ) -> tuple[Task, Organization]:
        """A task, and the organization that the caller is a member of. Raises `NotFound`."""
        if not is_id(task_id, "task"):
            raise no_such("task")
        async with self.unreadable_only_to_members(task_id, caller, noun="task"):
            task = (await self._aggregates.confirmed(TASK, task_id)).state
        if not isinstance(task, Task):
            raise no_such("task")
        return task, await self.organization(task.organization_id, caller, noun="task")

    @asynccontextmanager
    async def unreadable_only_to_members(
        self, task_id: str, caller: UserId, *, noun: str
    ) -> AsyncIterator[None]:
        """Inside, that a task's history cannot be read is said to members only: to others there is no such task."""
        try:
            yield
        except Unavailable as error:
            if error.code == "unreadable":
                located = await self._directory.locate(task_id)
                organization_id = located.organization_id if located else None
                await self.organization(organization_id, caller, noun=noun)
            raise

    async def user(self, user_id: str) -> User | None:
        if not is_id(user_id, "usr"):
            return None
        user = (await self._aggregates.confirmed(USER, user_id)).state
        return user if isinstance(user, User) else None

    async def job(self, job_id: JobId | None) -> Job | None:
        """A job by its own history; None while that has not begun."""
        if job_id is None:
            return None
        job = (await self._aggregates.confirmed(JOB, job_id)).state
        return job if isinstance(job, Job) else None

    async def task_of(self, job: Job) -> Task | None:
        """The task a job is done for, None for a job of a repository or an organization."""
        if job.task_id is None:
            return None
        task = (await self._aggregates.confirmed(TASK, job.task_id)).state
        return task if isinstance(task, Task) else None

    async def newer_job(self, job: Job) -> JobId | None:
        """The job with the same work for the same target that was announced later; None if there is none."""
        newest = await self._newest_like(job)
        return newest if newest != job.job_id else None

    async def _newest_like(self, job: Job) -> JobId | None:
        if job.task_id is not None:
            task = await self.task_of(job)
            # Several files may be reverted at once.
            return task.jobs.get(job.kind) if task and job.kind != TASK_REVERT_FILE else None
        organization = (await self._aggregates.confirmed(ORGANIZATION, job.organization_id)).state
        if job.repository_id is None or not isinstance(organization, Organization):
            return None
        repository = (await self._aggregates.confirmed(REPOSITORY, job.repository_id)).state
        work = work_key(job.kind, job.input.get("branch"), job.input.get("parent"))
        return newest_job(repository, organization, job.repository_id, work)

    async def busy_tasks(self, repository_id: str) -> tuple[TaskId, ...]:
        """Tasks of a repository in which something goes on: not always all of them, but none only if there are none."""
        tasks = await self._directory.tasks_of(repository_id)
        for first in range(0, len(tasks), LOOKS_AT_ONCE):
            some = tasks[first : first + LOOKS_AT_ONCE]
            looks = await asyncio.gather(*map(self._busy, some))
            if any(looks):
                return tuple(compress(some, looks))
        return ()

    async def _busy(self, task_id: TaskId) -> bool:
        task = (await self._aggregates.confirmed(TASK, task_id)).state
        if not isinstance(task, Task):
            return False
        if task.status == "failed":
            # It is provisioned once more if its job is retried, and only that job's history tells.
            job = await self.job(task.provision_job_id)
            return job is not None and job.open
        return task.busy

    async def administers_one(self, user_id: UserId) -> bool:
        """Whether somebody is owner or admin of some organization."""
        if await self._administers_known(user_id):
            return True
        # They may have become it a moment ago, on another node.
        await self._directory.caught_up()
        return await self._administers_known(user_id)

    async def _administers_known(self, user_id: UserId) -> bool:
        for organization_id in self._directory.organizations_of(user_id):
            state = (await self._aggregates.confirmed(ORGANIZATION, organization_id)).state
            if isinstance(state, Organization) and administers(state, user_id):
                return True
        return False
