"""The commands about an organization."""

from msgspec.structs import replace

from commands.context import Context
from commands.organization import ORGANIZATION
from commands.organization_commands import (
    AddMember,
    AddRepository,
    CreateOrganization,
    RemoveMember,
    RemoveRepository,
    SetRole,
    SyncOrganization,
    UpdateOrganization,
)
from commands.user_state import User
from events.commit import Event
from events.ids import JobId, RepositoryId, TaskId
from tests import facts
from tests.decisions.given import WEB, Spec, context_of

organization = Spec(ORGANIZATION)

MADE: list[Event] = [facts.organization_created()]
WITH_BERT: list[Event] = [*MADE, facts.member_added()]
REPOSITORY = RepositoryId(context_of().id("repo"))


def about_bert() -> Context:
    return context_of(user=User(user_id=facts.BERT, name="Bert"))


def test_who_makes_an_organization_owns_it() -> None:
    organization(
        given=[],
        when=CreateOrganization(name="Acme", organization_id="org_1"),
        then=[facts.organization_created()],
        again="already_exists",
    )


def test_only_what_changes_is_written_down() -> None:
    organization(
        given=MADE,
        when=UpdateOrganization(organization_id="org_1", name="Acme", default_agent="claude"),
        then=[facts.organization_updated(default_agent="claude")],
    )


def test_an_empty_default_takes_back_the_one_chosen_before() -> None:
    chosen = facts.organization_updated(default_agent="claude", default_model="opus")
    nothing = UpdateOrganization(organization_id="org_1", default_agent="", default_model="")

    organization(
        given=[*MADE, chosen],
        when=nothing,
        then=[facts.organization_updated(default_agent="", default_model="")],
    )
    organization(given=MADE, when=nothing, then=[])
    organization(
        given=[*MADE, chosen],
        when=UpdateOrganization(organization_id="org_1", default_agent=None, default_model=None),
        then=[],
    )


def test_the_default_agent_is_one_that_is_declared() -> None:
    command = UpdateOrganization(organization_id="org_1", default_agent="nobody")

    organization(given=MADE, when=command, refused="unknown_agent")


def test_a_member_is_added_with_their_name() -> None:
    organization(
        given=MADE,
        when=AddMember(organization_id="org_1", user_id="usr_bert", role="member"),
        then=[facts.member_added()],
        context=about_bert(),
    )


def test_who_does_not_exist_cannot_be_added() -> None:
    command = AddMember(organization_id="org_1", user_id="usr_nobody", role="member")

    organization(given=MADE, when=command, refused="not_found")


def test_a_member_is_not_added_again_in_another_role() -> None:
    command = AddMember(organization_id="org_1", user_id="usr_bert", role="admin")

    organization(given=WITH_BERT, when=command, refused="already_member", context=about_bert())


def test_a_members_role_can_be_set() -> None:
    organization(
        given=WITH_BERT,
        when=SetRole(organization_id="org_1", user_id="usr_bert", role="admin"),
        then=[facts.member_role_set(role="admin")],
    )


def test_a_stranger_has_no_role_to_set() -> None:
    command = SetRole(organization_id="org_1", user_id="usr_bert", role="admin")

    organization(given=MADE, when=command, refused="not_found")


def test_an_organization_keeps_one_owner() -> None:
    demote = SetRole(organization_id="org_1", user_id="usr_anna", role="admin")
    remove = RemoveMember(organization_id="org_1", user_id="usr_anna")

    organization(given=WITH_BERT, when=demote, refused="last_owner")
    organization(given=WITH_BERT, when=remove, refused="last_owner")


def test_one_of_two_owners_may_go() -> None:
    organization(
        given=[*MADE, facts.member_added(role="owner")],
        when=RemoveMember(organization_id="org_1", user_id="usr_bert"),
        then=[facts.member_removed()],
    )


def test_whoever_is_no_member_is_removed_already_and_what_is_no_id_names_nobody() -> None:
    organization(
        given=WITH_BERT,
        when=RemoveMember(organization_id="org_1", user_id="usr_carl"),
        then=[],
    )
    for named in ("bert", "org_1", "usr_../x", ""):
        command = RemoveMember(organization_id="org_1", user_id=named)
        organization(given=WITH_BERT, when=command, refused="not_found")


def test_a_member_is_removed_only_in_the_role_that_was_named() -> None:
    command = RemoveMember(organization_id="org_1", user_id="usr_bert", role="admin")

    organization(given=WITH_BERT, when=command, refused="rejected")


def test_nothing_can_be_taken_over_while_no_provider_is_connected() -> None:
    organization(given=MADE, when=SyncOrganization(organization_id="org_1"), refused="rejected")


def test_a_repository_is_added_together_with_the_job_that_looks_at_it() -> None:
    job = facts.OfRepository(job=JobId(context_of().id("job")), repository=REPOSITORY)
    command = AddRepository(organization_id="org_1", remote_url=WEB.url)

    events = ORGANIZATION.decide(ORGANIZATION.fold(MADE), command, context_of(remote=WEB))

    announced = replace(facts.job_announced(job), input={"remote_url": WEB.url})
    assert events == [facts.repository_added(REPOSITORY), announced]


def test_a_repository_is_unique_by_its_normalized_address() -> None:
    organization(
        given=[*MADE, facts.repository_added()],
        when=AddRepository(organization_id="org_1", remote_url="git@example.com:acme/web"),
        refused="already_exists",
        context=context_of(remote=WEB),
    )


def test_a_removed_repositorys_address_is_free_again_and_its_id_is_not() -> None:
    given: list[Event] = [*MADE, facts.repository_added(), facts.repository_removed()]
    new = AddRepository(organization_id="org_1", remote_url=WEB.url)
    same = AddRepository(organization_id="org_1", remote_url=WEB.url, repository_id="repo_1")

    assert len(ORGANIZATION.decide(ORGANIZATION.fold(given), new, context_of(remote=WEB))) == 2
    organization(given=given, when=same, refused="already_exists", context=context_of(remote=WEB))


def test_a_repository_stays_while_its_tasks_are_at_work() -> None:
    organization(
        given=[*MADE, facts.repository_added()],
        when=RemoveRepository(repository_id="repo_1"),
        refused="tasks_running",
        context=context_of(busy_tasks=(TaskId("task_1"),)),
    )


def test_a_repository_can_be_removed() -> None:
    organization(
        given=[*MADE, facts.repository_added()],
        when=RemoveRepository(repository_id="repo_1"),
        then=[facts.repository_removed()],
    )
