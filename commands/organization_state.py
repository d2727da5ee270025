"""What decisions in an organization need: its members, its defaults, its list of repositories."""

from typing import TypeAlias

from msgspec import Struct

from commands.decider import Absent
from events.ids import BEGINNING, JobId, OrganizationId, Position, RepositoryId, UserId
from events.organization import Role


class ListedRepository(Struct, frozen=True, kw_only=True):
    """`first_job_id` is the sync that was announced when the repository was added."""

    remote_url: str
    address: str
    first_job_id: JobId | None = None


class Organization(Struct, frozen=True, kw_only=True):
    """Owns the invariants across its people and repositories: one owner at least, one repository per address.

    `joined` has the position at which each member but the founder was added: what they selected, marked or drafted
    in an earlier membership no longer counts.
    """

    organization_id: OrganizationId
    name: str
    members: dict[UserId, Role]
    joined: dict[UserId, Position] = {}
    default_agent: str | None = None
    default_model: str | None = None
    repositories: dict[RepositoryId, ListedRepository] = {}
    removed: frozenset[RepositoryId] = frozenset()

    def joined_position(self, user_id: UserId) -> Position:
        """Since which position somebody is a member without a break; `BEGINNING` for the founder."""
        return self.joined.get(user_id, BEGINNING)

    def repository_at(self, address: str) -> RepositoryId | None:
        """The repository with this normalized address."""
        for repository_id, listed in self.repositories.items():
            if listed.address == address:
                return repository_id
        return None


OrganizationState: TypeAlias = Absent | Organization
