"""The commands about an organization: its name and defaults, its members, its list of repositories."""

from typing import TypeAlias

from commands.command import Creating, ForOrganization, ForRepository
from commands.fields import Line, Name, NameOrNothing, Reference, WordOrNothing
from events.organization import Role


class CreateOrganization(Creating, frozen=True, kw_only=True):
    name: Name
    organization_id: str | None = None


class UpdateOrganization(ForOrganization, frozen=True, kw_only=True):
    """What is left out stays; an empty default takes back the one chosen before."""

    name: Name | None = None
    default_agent: WordOrNothing | None = None
    default_model: NameOrNothing | None = None


class AddMember(ForOrganization, frozen=True, kw_only=True):
    user_id: Reference
    role: Role


class SetRole(ForOrganization, frozen=True, kw_only=True):
    user_id: Reference
    role: Role


class RemoveMember(ForOrganization, frozen=True, kw_only=True):
    """With `role` the member is removed only while in that role."""

    user_id: Reference
    role: Role | None = None


class SyncOrganization(ForOrganization, frozen=True, kw_only=True):
    pass


class AddRepository(ForOrganization, frozen=True, kw_only=True):
    remote_url: Line
    repository_id: str | None = None


class RemoveRepository(ForRepository, frozen=True, kw_only=True):
    pass


OrganizationCommand: TypeAlias = (
    CreateOrganization
    | UpdateOrganization
    | AddMember
    | SetRole
    | RemoveMember
    | SyncOrganization
    | AddRepository
    | RemoveRepository
)
