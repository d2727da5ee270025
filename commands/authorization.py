"""Who may give which command in an organization (docs/protocol.md, "Who is asking"): owners everything, admins all but owners, members the work."""

from commands.command import Command
from commands.organization_commands import (
    AddMember,
    RemoveMember,
    SetRole,
    SyncOrganization,
    UpdateOrganization,
)
from commands.organization_state import Organization
from commands.refusals import no_such
from events.ids import UserId
from events.organization import Role
from runtime.problems import Forbidden

ADMINISTRATION = UpdateOrganization | AddMember | SetRole | RemoveMember | SyncOrganization


def check_member(organization: Organization | None, caller: UserId, *, noun: str) -> Organization:
    """The organization, for its members. Raises the `NotFound` that is raised for what never was."""
    if organization is None or caller not in organization.members:
        raise no_such(noun)
    return organization


def check_command(organization: Organization, caller: UserId, command: Command) -> None:
    """Raises `Forbidden` where the member's role does not reach."""
    role = organization.members[caller]
    if role == "owner" or not isinstance(command, ADMINISTRATION):
        return
    if role == "member":
        raise Forbidden("Only owners and admins may do this; ask one of them.")
    if _concerns_owners(organization, command):
        raise Forbidden("Only owners may make, change or remove owners; ask one of them.")


def administers(organization: Organization, caller: UserId) -> bool:
    return organization.members.get(caller) in ("owner", "admin")


def _concerns_owners(organization: Organization, command: Command) -> bool:
    match command:
        case AddMember(user_id=user_id, role=role) | SetRole(user_id=user_id, role=role):
            return "owner" in (role, _role(organization, user_id))
        case RemoveMember(user_id=user_id):
            return _role(organization, user_id) == "owner"
        case _:
            return False


def _role(organization: Organization, user_id: str) -> Role | None:
    return organization.members.get(UserId(user_id))
