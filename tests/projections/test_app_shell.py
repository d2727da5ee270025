"""`app/<user>`: the caller's own organizations and sessions."""

from events.fact import Attachment
from events.ids import JobId, MessageId, OrganizationId, SessionId, TaskId
from tests import facts
from tests.facts import ANNA, BERT, commit
from tests.projections.world import World, element

APP, BERTS_APP = f"app/{ANNA}", f"app/{BERT}"


async def begin(world: World) -> None:
    await world.happen(
        commit(facts.user_created()),
        commit(facts.user_created(BERT, "Bert")),
        commit(facts.organization_created()),
        commit(facts.member_added()),
        commit(facts.repository_added()),
        commit(facts.task_created(), facts.session_created(), facts.message_queued()),
    )


async def test_a_user_has_an_empty_app_from_the_start(world: World) -> None:
    await world.happen(commit(facts.user_created()))

    assert await world.view(APP) == {
        "user": {"id": ANNA, "name": "Anna"},
        "active_organization_id": None,
        "organizations": [],
        "sessions": [],
    }


async def test_every_member_sees_the_organization_with_a_role_of_their_own(world: World) -> None:
    await begin(world)
    await world.happen(commit(facts.member_role_set(role="admin")))

    ours = {
        "id": "org_1",
        "name": "Acme",
        "sync_status": "pending",
        "repository_count": 1,
        "task_count": 1,
        "unread_count": 0,
        "selected_task_id": None,
    }
    assert (await world.view(APP))["organizations"] == [ours | {"role": "owner"}]
    assert (await world.view(BERTS_APP))["organizations"] == [ours | {"role": "admin"}]


async def test_only_who_takes_part_in_a_session_has_it_in_their_app(world: World) -> None:
    await begin(world)

    assert (await world.view(APP))["sessions"] == [
        {
            "id": "ses_1",
            "task_id": "task_1",
            "organization_id": "org_1",
            "unread": False,
            "draft": None,
        }
    ]
    assert (await world.view(BERTS_APP))["sessions"] == []


async def test_the_end_of_a_turn_is_unread_for_those_who_look_elsewhere(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.message_queued(message=MessageId("msg_2")), actor=BERT),
        commit(facts.task_selected()),
        commit(facts.turn_ended(), actor=facts.WORKER),
    )

    assert element(await world.view(APP), "sessions", "ses_1")["unread"] is False
    assert element(await world.view(BERTS_APP), "sessions", "ses_1")["unread"] is True
    assert element(await world.view(BERTS_APP), "organizations", "org_1")["unread_count"] == 1


async def test_reading_a_session_lowers_the_count(world: World) -> None:
    await begin(world)
    await world.happen(commit(facts.session_unread_set(unread=True)))
    assert element(await world.view(APP), "organizations", "org_1")["unread_count"] == 1

    await world.happen(commit(facts.session_unread_set(unread=False)))

    assert element(await world.view(APP), "organizations", "org_1")["unread_count"] == 0


async def test_sending_clears_the_senders_draft_and_nobody_elses(world: World) -> None:
    await begin(world)
    mark = Attachment(id="a", path="a.py", line=3)
    await world.happen(
        commit(facts.draft_updated(text="mine", attachments=(mark,)), at=5000),
        commit(facts.draft_updated(BERT, text="his"), actor=BERT),
    )
    assert element(await world.view(APP), "sessions", "ses_1")["draft"] == {
        "text": "mine",
        "attachments": [{"id": "a", "path": "a.py", "line": 3}],
        "updated_at": 5000,
    }

    await world.happen(commit(facts.message_queued()))

    assert element(await world.view(APP), "sessions", "ses_1")["draft"] is None
    assert element(await world.view(BERTS_APP), "sessions", "ses_1")["draft"]["text"] == "his"


async def test_a_removed_member_loses_the_organization_and_its_sessions(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.draft_updated(BERT), actor=BERT),
        commit(facts.organization_selected(BERT), actor=BERT),
    )

    await world.happen(commit(facts.member_removed()))

    assert await world.view(BERTS_APP) == {
        "user": {"id": BERT, "name": "Bert"},
        "active_organization_id": None,
        "organizations": [],
        "sessions": [],
    }


async def test_what_somebody_selects_who_has_just_left_is_not_shown(world: World) -> None:
    await begin(world)

    await world.happen(
        commit(facts.member_removed()), commit(facts.organization_selected(BERT), actor=BERT)
    )

    assert (await world.view(BERTS_APP))["active_organization_id"] is None


async def test_archived_tasks_count_no_more_and_take_their_sessions_along(world: World) -> None:
    await begin(world)
    await world.happen(commit(facts.session_unread_set()))

    await world.happen(
        commit(facts.task_archive_requested()), commit(facts.task_archived(), actor=facts.WORKER)
    )

    app = await world.view(APP)
    assert app["sessions"] == []
    assert element(app, "organizations", "org_1")["task_count"] == 0
    assert element(app, "organizations", "org_1")["unread_count"] == 0


async def test_a_draft_decided_on_while_the_task_ended_brings_no_session_back(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.task_killed(), actor=facts.WORKER),
        commit(facts.draft_updated(text="too late")),
        commit(facts.session_unread_set()),
        commit(facts.message_queued()),
    )

    app = await world.view(APP)
    assert app["sessions"] == []
    assert element(app, "organizations", "org_1")["unread_count"] == 0


async def test_killing_an_archived_task_counts_once(world: World) -> None:
    await begin(world)
    await world.happen(commit(facts.task_archived()), commit(facts.task_killed()))

    assert element(await world.view(APP), "organizations", "org_1")["task_count"] == 0


async def test_another_task_cannot_take_over_a_session(world: World) -> None:
    await begin(world)
    other = TaskId("task_2")

    await world.happen(
        commit(facts.task_created(other), facts.session_created(other), actor=BERT),
        commit(facts.turn_ended(other), actor=facts.WORKER),
    )

    assert element(await world.view(APP), "sessions", "ses_1")["task_id"] == "task_1"
    assert element(await world.view(APP), "sessions", "ses_1")["unread"] is False
    assert (await world.view(BERTS_APP))["sessions"] == []


async def test_the_selection_is_kept_per_organization(world: World) -> None:
    await begin(world)
    second = OrganizationId("org_2")
    await world.happen(
        commit(facts.organization_created(second)),
        commit(facts.task_selected()),
        commit(facts.organization_selected(organization=second)),
    )

    app = await world.view(APP)
    assert app["active_organization_id"] == "org_2"
    assert element(app, "organizations", "org_1")["selected_task_id"] == "task_1"
    assert element(app, "organizations", "org_2")["selected_task_id"] is None


async def test_the_sync_of_an_organization_shows_in_its_status(world: World) -> None:
    await begin(world)
    of = facts.OfRepository(JobId("job_o"), repository=None)
    of.kind = "organization_sync"

    seen = []
    for event in (facts.job_announced(of), facts.job_started(of), facts.job_succeeded(of)):
        await world.happen(commit(facts.organization_updated(name="Acme"), event))
        seen.append(element(await world.view(APP), "organizations", "org_1")["sync_status"])

    assert seen == ["queued", "syncing", "synced"]


async def test_a_closed_session_leaves_the_list(world: World) -> None:
    await begin(world)
    second = SessionId("ses_2")
    await world.happen(commit(facts.session_created(session=second)))

    await world.happen(commit(facts.session_closed(session=second)))

    assert [one["id"] for one in (await world.view(APP))["sessions"]] == ["ses_1"]


async def test_what_only_concerns_keys_changes_no_view(world: World) -> None:
    await begin(world)

    told = await world.happen(
        commit(facts.token_created()),
        commit(facts.token_revoked()),
        commit(facts.app_session_started()),
        commit(facts.app_session_ended()),
    )

    assert told == []
    assert world.models.position == 10
