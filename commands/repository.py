"""One repository: which jobs look at its remote or move its stacks, and what such jobs report."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from commands.command import ForRepository
from commands.context import Context
from commands.decider import Decider, Origin
from commands.organization_state import Organization
from commands.refusals import no_such
from commands.stack import KINDS, ActOnRepository, Parent, check_act, work_key
from events.commit import Event
from events.ids import JobId, OrganizationId, RepositoryId
from events.job import REPOSITORY_SYNC, JobAnnounced
from events.repository import (
    Branch,
    BranchParentRecorded,
    RepositoryEvent,
    RepositorySynced,
    RepositorySyncFailed,
)

# --- Commands ---


class RefreshRepository(ForRepository, frozen=True, kw_only=True):
    pass


RepositoryCommand: TypeAlias = RefreshRepository | ActOnRepository

# --- State ---


class Repository(Struct, frozen=True, kw_only=True):
    """Its organization says whether it exists. `jobs` are those announced here that reported no result yet, by `work_key`.

    `parents` are the stacks, by branch; `reported` is the sync that reported last, and how it went.
    """

    jobs: dict[str, JobId] = {}
    parents: dict[str, Parent] = {}
    reported: tuple[JobId, Literal["synced", "failed"]] | None = None


def evolve(repository: Repository, event: Event, origin: Origin) -> Repository:
    match event:
        case JobAnnounced():
            work = work_key(event.kind, event.input.get("branch"), event.input.get("parent"))
            return replace(repository, jobs={**repository.jobs, work: event.job_id})
        case RepositorySynced():
            return _reported(repository, event.job_id, "synced")
        case RepositorySyncFailed():
            return _reported(repository, event.job_id, "failed")
        case BranchParentRecorded():
            parent = Parent(name=event.parent, base=event.base)
            return replace(repository, parents={**repository.parents, event.branch: parent})
        case _:
            return repository


def _reported(
    repository: Repository, job_id: JobId, outcome: Literal["synced", "failed"]
) -> Repository:
    left = {work: job for work, job in repository.jobs.items() if job != job_id}
    return replace(repository, jobs=left, reported=(job_id, outcome))


# --- Rules ---


def newest_job(
    repository: Repository, organization: Organization, repository_id: RepositoryId, work: str
) -> JobId | None:
    """The newest job that was announced for a `work_key`; the very first sync is announced by the organization.

    Whether it still runs only its own history tells: it may have been cancelled, or taken up again.
    """
    announced = repository.jobs.get(work)
    if announced is not None or work != REPOSITORY_SYNC:
        return announced
    if repository.reported is not None:
        return repository.reported[0]
    listed = organization.repositories.get(repository_id)
    return listed.first_job_id if listed else None


def standing_act(
    repository: Repository, organization: Organization, command: RepositoryCommand
) -> JobId | None:
    """The newest job that was announced for the same command."""
    work = REPOSITORY_SYNC
    if isinstance(command, ActOnRepository) and command.action in KINDS:
        work = work_key(KINDS[command.action], command.branch, command.parent)
    return newest_job(repository, organization, RepositoryId(command.repository_id), work)


def _is_open(repository: Repository, standing: JobId, context: Context) -> bool:
    if context.job is not None:
        return context.job.open
    # A job whose own history is still empty was announced a moment ago.
    return repository.reported is None or repository.reported[0] != standing


# --- Reports ---


def synced(
    repository: Repository,
    *,
    organization_id: OrganizationId,
    repository_id: RepositoryId,
    job_id: JobId,
    default_branch: str | None,
    branches: Sequence[Branch],
) -> list[RepositoryEvent]:
    """What a sync found in the remote; once per job."""
    if repository.reported == (job_id, "synced"):
        return []
    return [
        RepositorySynced(
            organization_id=organization_id,
            repository_id=repository_id,
            job_id=job_id,
            default_branch=default_branch,
            branches=tuple(branches),
        )
    ]


def sync_failed(
    repository: Repository,
    *,
    organization_id: OrganizationId,
    repository_id: RepositoryId,
    job_id: JobId,
    message: str,
) -> list[RepositoryEvent]:
    if repository.reported is not None and repository.reported[0] == job_id:
        return []
    return [
        RepositorySyncFailed(
            organization_id=organization_id,
            repository_id=repository_id,
            job_id=job_id,
            message=message,
        )
    ]


def parent_recorded(
    repository: Repository,
    *,
    organization_id: OrganizationId,
    repository_id: RepositoryId,
    branch: str,
    parent: str,
    base: str,
) -> list[RepositoryEvent]:
    """`branch` begins at the commit `base` of `parent` now."""
    if repository.parents.get(branch) == Parent(name=parent, base=base):
        return []
    return [
        BranchParentRecorded(
            organization_id=organization_id,
            repository_id=repository_id,
            branch=branch,
            parent=parent,
            base=base,
        )
    ]


def branch_renamed(
    repository: Repository,
    *,
    organization_id: OrganizationId,
    repository_id: RepositoryId,
    old: str,
    new: str,
) -> list[RepositoryEvent]:
    """A branch goes by another name: it stays where it was in its stack, and so do those on top of it."""
    parents = repository.parents
    stacked = {new: parents[old]} if old in parents else {}
    for branch, parent in parents.items():
        if parent.name == old and branch != new:
            stacked[branch] = Parent(name=new, base=parent.base)
    return [
        event
        for branch, parent in stacked.items()
        for event in parent_recorded(
            repository,
            organization_id=organization_id,
            repository_id=repository_id,
            branch=branch,
            parent=parent.name,
            base=parent.base,
        )
    ]


# --- Decider ---


def decide(repository: Repository, command: RepositoryCommand, context: Context) -> list[Event]:
    organization = context.organization
    repository_id = RepositoryId(command.repository_id)
    if organization is None or repository_id not in organization.repositories:
        raise no_such("repository")
    kind, details = REPOSITORY_SYNC, dict[str, str]()
    if isinstance(command, ActOnRepository):
        check_act(repository.parents, command)
        kind = KINDS.get(command.action, REPOSITORY_SYNC)
        given = {"branch": command.branch, "parent": command.parent}
        details = {name: value for name, value in given.items() if value is not None}
    standing = standing_act(repository, organization, command)
    if standing is not None and _is_open(repository, standing, context):
        return []
    return [
        JobAnnounced(
            job_id=JobId(context.id("job")),
            kind=kind,
            organization_id=organization.organization_id,
            repository_id=repository_id,
            input={"remote_url": organization.repositories[repository_id].remote_url, **details},
        )
    ]


REPOSITORY: Decider[Repository, RepositoryCommand] = Decider(
    name="repository",
    initial=Repository(),
    shape=Repository,
    evolve=evolve,
    decide=decide,
)
