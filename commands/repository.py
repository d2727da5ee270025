"""One repository: which job looks at its remote now, and what such jobs report."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from commands.context import Context
from commands.decider import Decider, Origin
from commands.fields import Line
from commands.order import ForRepository
from commands.organization import REPOSITORY_SYNC
from commands.organization_state import Organization
from commands.refusals import no_such
from events.commit import Event
from events.ids import JobId, OrganizationId, RepositoryId
from events.job import JobAnnounced
from events.repository import Branch, RepositoryEvent, RepositorySynced, RepositorySyncFailed
from runtime.errors import Rejected

# --- Commands ---


class RefreshRepository(ForRepository, frozen=True, kw_only=True):
    pass


class ActOnRepository(ForRepository, frozen=True, kw_only=True):
    action: Literal[
        "sync_repo", "restack_repo", "restack_subtree", "rebase_branch", "reparent_branch"
    ]
    branch: Line | None = None
    parent: Line | None = None


RepositoryCommand: TypeAlias = RefreshRepository | ActOnRepository

# --- State ---


class Repository(Struct, frozen=True, kw_only=True):
    """That it exists is the organization's to say. `jobs` were announced here and have no result here yet."""

    jobs: dict[str, JobId] = {}
    reported: tuple[JobId, Literal["synced", "failed"]] | None = None


def evolve(repository: Repository, event: Event, origin: Origin) -> Repository:
    match event:
        case JobAnnounced():
            return replace(repository, jobs={**repository.jobs, event.kind: event.job_id})
        case RepositorySynced():
            return _reported(repository, event.job_id, "synced")
        case RepositorySyncFailed():
            return _reported(repository, event.job_id, "failed")
        case _:
            return repository


def _reported(
    repository: Repository, job_id: JobId, outcome: Literal["synced", "failed"]
) -> Repository:
    left = {kind: job for kind, job in repository.jobs.items() if job != job_id}
    return replace(repository, jobs=left, reported=(job_id, outcome))


# --- Rules ---


def standing_sync(
    repository: Repository, organization: Organization, repository_id: RepositoryId
) -> JobId | None:
    """The sync that was announced and whose result is not here yet: the own one, else the first of all.

    Whether it still runs only its own history tells: it may have been cancelled.
    """
    announced = repository.jobs.get(REPOSITORY_SYNC)
    if announced is not None or repository.reported is not None:
        return announced
    listed = organization.repositories.get(repository_id)
    return listed.first_job_id if listed else None


def _refresh(repository: Repository, order: RefreshRepository, context: Context) -> list[Event]:
    organization = context.organization
    repository_id = RepositoryId(order.repository_id)
    if organization is None or repository_id not in organization.repositories:
        raise no_such("repository", order.repository_id)
    standing = standing_sync(repository, organization, repository_id)
    # A job whose own history is still empty was announced a moment ago.
    if standing is not None and (context.job is None or context.job.open):
        return []
    return [
        JobAnnounced(
            job_id=JobId(context.id("job")),
            kind=REPOSITORY_SYNC,
            organization_id=organization.organization_id,
            repository_id=repository_id,
            input={"remote_url": organization.repositories[repository_id].remote_url},
        )
    ]


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


# --- Decider ---


def decide(repository: Repository, order: RepositoryCommand, context: Context) -> list[Event]:
    match order:
        case RefreshRepository():
            return _refresh(repository, order, context)
        case ActOnRepository():
            raise Rejected(
                "Actions on stacked branches need a worker that moves branches, which this version "
                "does not have yet; do it with git and call repository.refresh afterwards."
            )
        case _:
            assert_never(order)


REPOSITORY: Decider[Repository, RepositoryCommand] = Decider(
    name="repository", prefix="repo", initial=Repository(), evolve=evolve, decide=decide
)
