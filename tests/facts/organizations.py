"""Builders for the facts about organizations and repositories."""

from events.ids import OrganizationId, RepositoryId, UserId
from events.organization import (
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    OrganizationCreated,
    OrganizationUpdated,
    RepositoryAdded,
    RepositoryRemoved,
    Role,
)
from events.repository import Branch, BranchParentRecorded, RepositorySynced, RepositorySyncFailed
from tests.facts.town import ANNA, BERT, ORGANIZATION, REPOSITORY, SYNC_JOB


def organization_created(
    organization: OrganizationId = ORGANIZATION, owner: UserId = ANNA
) -> OrganizationCreated:
    return OrganizationCreated(
        organization_id=organization, name="Acme", owner_id=owner, owner_name="Anna"
    )


def organization_updated(
    name: str | None = None, default_agent: str | None = None, default_model: str | None = None
) -> OrganizationUpdated:
    return OrganizationUpdated(
        organization_id=ORGANIZATION,
        name=name,
        default_agent=default_agent,
        default_model=default_model,
    )


def member_added(user: UserId = BERT, name: str = "Bert", role: Role = "member") -> MemberAdded:
    return MemberAdded(organization_id=ORGANIZATION, user_id=user, name=name, role=role)


def member_role_set(user: UserId = BERT, role: Role = "admin") -> MemberRoleSet:
    return MemberRoleSet(organization_id=ORGANIZATION, user_id=user, role=role)


def member_removed(user: UserId = BERT) -> MemberRemoved:
    return MemberRemoved(organization_id=ORGANIZATION, user_id=user)


def repository_added(
    repository: RepositoryId = REPOSITORY, organization: OrganizationId = ORGANIZATION
) -> RepositoryAdded:
    return RepositoryAdded(
        organization_id=organization,
        repository_id=repository,
        name="web",
        remote_url="https://example.com/acme/web.git",
        address="example.com/acme/web",
    )


def repository_removed(repository: RepositoryId = REPOSITORY) -> RepositoryRemoved:
    return RepositoryRemoved(organization_id=ORGANIZATION, repository_id=repository)


def repository_synced(
    *branches: Branch, repository: RepositoryId = REPOSITORY, default_branch: str | None = "main"
) -> RepositorySynced:
    return RepositorySynced(
        organization_id=ORGANIZATION,
        repository_id=repository,
        job_id=SYNC_JOB,
        default_branch=default_branch,
        branches=branches,
    )


def branch(name: str = "main", sha: str = "a1") -> Branch:
    return Branch(name=name, sha=sha, ahead=0, behind=0, conflicts=False)


def repository_sync_failed(message: str = "no such host") -> RepositorySyncFailed:
    return RepositorySyncFailed(
        organization_id=ORGANIZATION, repository_id=REPOSITORY, job_id=SYNC_JOB, message=message
    )


def branch_parent_recorded(
    branch: str = "fix-1", parent: str = "main", base: str = "a1"
) -> BranchParentRecorded:
    return BranchParentRecorded(
        organization_id=ORGANIZATION,
        repository_id=REPOSITORY,
        branch=branch,
        parent=parent,
        base=base,
    )
