"""Facts about an organization: its name and defaults, its members, its list of repositories."""

from typing import Literal

from events.fact import Fact
from events.ids import OrganizationId, RepositoryId, UserId

Role = Literal["owner", "admin", "member"]


class OrganizationCreated(Fact, frozen=True, kw_only=True, tag="organization_created"):
    organization_id: OrganizationId
    name: str
    owner_id: UserId
    owner_name: str


class OrganizationUpdated(Fact, frozen=True, kw_only=True, tag="organization_updated"):
    """Only the fields that were changed are set; an empty default is one that was taken back."""

    organization_id: OrganizationId
    name: str | None = None
    default_agent: str | None = None
    default_model: str | None = None


class MemberAdded(Fact, frozen=True, kw_only=True, tag="member_added"):
    organization_id: OrganizationId
    user_id: UserId
    name: str
    role: Role


class MemberRoleSet(Fact, frozen=True, kw_only=True, tag="member_role_set"):
    organization_id: OrganizationId
    user_id: UserId
    role: Role


class MemberRemoved(Fact, frozen=True, kw_only=True, tag="member_removed"):
    organization_id: OrganizationId
    user_id: UserId


class RepositoryAdded(Fact, frozen=True, kw_only=True, tag="repository_added"):
    """`address` is the normalized remote address: unique among the organization's repositories."""

    organization_id: OrganizationId
    repository_id: RepositoryId
    name: str
    remote_url: str
    address: str


class RepositoryRemoved(Fact, frozen=True, kw_only=True, tag="repository_removed"):
    organization_id: OrganizationId
    repository_id: RepositoryId


OrganizationEvent = (
    OrganizationCreated
    | OrganizationUpdated
    | MemberAdded
    | MemberRoleSet
    | MemberRemoved
    | RepositoryAdded
    | RepositoryRemoved
)
