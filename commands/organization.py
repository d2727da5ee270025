"""An organization: its name and defaults, its members, and the list of its repositories."""

from typing import assert_never

from msgspec.structs import replace

from commands.agents import check_agent
from commands.context import Context
from commands.decider import ABSENT, Absent, Decider, Origin
from commands.organization_commands import (
    AddMember,
    AddRepository,
    CreateOrganization,
    OrganizationCommand,
    RemoveMember,
    RemoveRepository,
    SetRole,
    SyncOrganization,
    UpdateOrganization,
)
from commands.organization_state import ListedRepository, Organization, OrganizationState
from commands.refusals import chosen_id, exists, no_such, taken
from events.commit import Event
from events.ids import JobId, OrganizationId, RepositoryId, UserId, is_id
from events.job import REPOSITORY_SYNC, JobAnnounced
from events.organization import (
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    OrganizationCreated,
    OrganizationUpdated,
    RepositoryAdded,
    RepositoryRemoved,
)
from runtime.errors import Rejected

# --- State ---


def evolve(state: OrganizationState, event: Event, origin: Origin) -> OrganizationState:
    match state, event:
        case Absent(), OrganizationCreated():
            return Organization(
                organization_id=event.organization_id,
                name=event.name,
                members={event.owner_id: "owner"},
            )
        case Organization(), _:
            return _evolve_organization(state, event, origin)
        case _:
            return state


def _evolve_organization(organization: Organization, event: Event, origin: Origin) -> Organization:
    match event:
        case OrganizationUpdated():
            return replace(
                organization,
                name=event.name or organization.name,
                default_agent=_default(event.default_agent, organization.default_agent),
                default_model=_default(event.default_model, organization.default_model),
            )
        case MemberAdded() if event.user_id not in organization.members:
            return replace(
                organization,
                members={**organization.members, event.user_id: event.role},
                joined={**organization.joined, event.user_id: origin.position},
            )
        case MemberAdded() | MemberRoleSet():
            return replace(
                organization, members={**organization.members, event.user_id: event.role}
            )
        case MemberRemoved():
            left = {who: role for who, role in organization.members.items() if who != event.user_id}
            return replace(organization, members=left)
        case RepositoryAdded():
            listed = ListedRepository(remote_url=event.remote_url, address=event.address)
            return _listed(organization, event.repository_id, listed)
        case JobAnnounced(repository_id=repository_id) if event.kind == REPOSITORY_SYNC:
            if repository_id is None or repository_id not in organization.repositories:
                return organization
            listed = organization.repositories[repository_id]
            return _listed(organization, repository_id, replace(listed, first_job_id=event.job_id))
        case RepositoryRemoved():
            gone = event.repository_id
            return replace(
                organization,
                repositories={k: v for k, v in organization.repositories.items() if k != gone},
                removed=organization.removed | {gone},
            )
        case _:
            return organization


def _default(changed: str | None, before: str | None) -> str | None:
    return before if changed is None else changed or None


def _listed(
    organization: Organization, repository_id: RepositoryId, listed: ListedRepository
) -> Organization:
    return replace(organization, repositories={**organization.repositories, repository_id: listed})


# --- Rules ---


def _create(state: OrganizationState, command: CreateOrganization, context: Context) -> list[Event]:
    named = chosen_id(command.organization_id, context.id("org"), prefix="org")
    match state:
        case Absent():
            return [
                OrganizationCreated(
                    organization_id=OrganizationId(named),
                    name=command.name,
                    owner_id=context.actor,
                    owner_name=context.actor_name,
                )
            ]
        case Organization():
            raise taken("organization", named)
        case _:
            assert_never(state)


def _update(
    organization: Organization, command: UpdateOrganization, context: Context
) -> list[Event]:
    check_agent("/default_agent", command.default_agent or None, context)
    name = command.name if command.name != organization.name else None
    agent = _changed(command.default_agent, organization.default_agent)
    model = _changed(command.default_model, organization.default_model)
    if name is None and agent is None and model is None:
        return []
    return [
        OrganizationUpdated(
            organization_id=organization.organization_id,
            name=name,
            default_agent=agent,
            default_model=model,
        )
    ]


def _changed(default: str | None, now: str | None) -> str | None:
    return None if default == (now or "") else default


def _add_member(organization: Organization, command: AddMember, context: Context) -> list[Event]:
    if context.user is None:
        raise no_such("user")
    role = organization.members.get(context.user.user_id)
    if role == command.role:
        return []
    if role is not None:
        raise Rejected(
            f"This user is a member already, as {role}; change that with organization.set_role.",
            code="already_member",
        )
    return [
        MemberAdded(
            organization_id=organization.organization_id,
            user_id=context.user.user_id,
            name=context.user.name,
            role=command.role,
        )
    ]


def _set_role(organization: Organization, command: SetRole) -> list[Event]:
    user_id = UserId(command.user_id)
    role = organization.members.get(user_id)
    if role is None:
        raise no_such("member")
    if role == command.role:
        return []
    _keep_an_owner(organization, user_id)
    return [
        MemberRoleSet(
            organization_id=organization.organization_id, user_id=user_id, role=command.role
        )
    ]


def _remove_member(organization: Organization, command: RemoveMember) -> list[Event]:
    user_id = UserId(command.user_id)
    role = organization.members.get(user_id)
    if role is None:
        if not is_id(user_id, "usr"):
            raise no_such("member")
        return []
    if command.role is not None and command.role != role:
        raise Rejected(f"This member is {role}, not {command.role}; look again before you remove.")
    _keep_an_owner(organization, user_id)
    return [MemberRemoved(organization_id=organization.organization_id, user_id=user_id)]


def _keep_an_owner(organization: Organization, leaving: UserId) -> None:
    owners = [who for who, role in organization.members.items() if role == "owner"]
    if owners == [leaving]:
        raise Rejected(
            "An organization keeps at least one owner; make somebody else an owner first.",
            code="last_owner",
        )


def _add_repository(
    organization: Organization, command: AddRepository, context: Context
) -> list[Event]:
    remote = context.remote
    assert remote is not None, "the handler reads the address of a repository that is added"
    named = chosen_id(command.repository_id, context.id("repo"), prefix="repo")
    repository_id = RepositoryId(named)
    if repository_id in organization.repositories or repository_id in organization.removed:
        raise taken("repository", repository_id)
    there = organization.repository_at(remote.address)
    if there is not None:
        raise exists("/remote_url", f"This organization has the repository already, as {there}.")
    organization_id = organization.organization_id
    return [
        RepositoryAdded(
            organization_id=organization_id,
            repository_id=repository_id,
            name=remote.name,
            remote_url=remote.url,
            address=remote.address,
        ),
        JobAnnounced(
            job_id=JobId(context.id("job")),
            kind=REPOSITORY_SYNC,
            organization_id=organization_id,
            repository_id=repository_id,
            input={"remote_url": remote.url},
        ),
    ]


def _remove_repository(
    organization: Organization, command: RemoveRepository, context: Context
) -> list[Event]:
    repository_id = RepositoryId(command.repository_id)
    if repository_id in organization.removed:
        return []
    if repository_id not in organization.repositories:
        raise no_such("repository")
    if context.busy_tasks:
        raise Rejected(
            f"Tasks of this repository are at work ({', '.join(context.busy_tasks[:5])}); "
            "stop, archive or kill them first.",
            code="tasks_running",
        )
    return [
        RepositoryRemoved(organization_id=organization.organization_id, repository_id=repository_id)
    ]


# --- Decider ---


def decide(state: OrganizationState, command: OrganizationCommand, context: Context) -> list[Event]:
    if isinstance(command, CreateOrganization):
        return _create(state, command, context)
    if isinstance(state, Absent):
        raise no_such("organization")
    match command:
        case UpdateOrganization():
            return _update(state, command, context)
        case AddMember():
            return _add_member(state, command, context)
        case SetRole():
            return _set_role(state, command)
        case RemoveMember():
            return _remove_member(state, command)
        case SyncOrganization():
            raise Rejected(
                "No provider is connected to this organization, so there is nothing to take its "
                "repositories and members from; add repositories with repository.add meanwhile."
            )
        case AddRepository():
            return _add_repository(state, command, context)
        case RemoveRepository():
            return _remove_repository(state, command, context)
        case _:
            assert_never(command)


ORGANIZATION: Decider[OrganizationState, OrganizationCommand] = Decider(
    name="organization",
    initial=ABSENT,
    shape=Organization,
    evolve=evolve,
    decide=decide,
)
