"""Facts about one repository: what the jobs found in its remote, and which branch is stacked on which."""

from msgspec import Struct

from events.fact import Fact
from events.ids import JobId, OrganizationId, RepositoryId


class Branch(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A branch of the remote as the last sync saw it; `ahead`/`behind` count against the default branch."""

    name: str
    sha: str
    ahead: int | None = None
    behind: int | None = None
    conflicts: bool | None = None


class RepositorySynced(Fact, frozen=True, kw_only=True, tag="repository_synced"):
    """`default_branch` is None for a repository without a commit."""

    organization_id: OrganizationId
    repository_id: RepositoryId
    job_id: JobId
    default_branch: str | None
    branches: tuple[Branch, ...]


class RepositorySyncFailed(Fact, frozen=True, kw_only=True, tag="repository_sync_failed"):
    organization_id: OrganizationId
    repository_id: RepositoryId
    job_id: JobId
    message: str


class BranchParentRecorded(Fact, frozen=True, kw_only=True, tag="branch_parent_recorded"):
    """`branch` is stacked on `parent`; `base` is the commit of the parent it begins at."""

    organization_id: OrganizationId
    repository_id: RepositoryId
    branch: str
    parent: str
    base: str


RepositoryEvent = RepositorySynced | RepositorySyncFailed | BranchParentRecorded
