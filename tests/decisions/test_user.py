"""The commands about a person, and what each person keeps for themselves."""

import time

import pytest
from msgspec.structs import replace

from commands.context import Context
from commands.fields import AttachmentField
from commands.task import TASK
from commands.task_state import Task
from commands.user import USER
from commands.user_commands import (
    CreateToken,
    CreateUser,
    RevokeToken,
    SelectOrganization,
    SelectTask,
    SetUnread,
    UpdateDraft,
    UserCommand,
)
from commands.user_state import MAX_APP_SESSIONS, User
from events.commit import Event
from events.fact import Attachment
from events.ids import Timestamp, TokenId
from events.user import AppSessionStarted, TokenCreated
from tests import facts
from tests.decisions.given import NOW, Spec, context_of, folded, organization

user = Spec(USER)

ANNA: list[Event] = [facts.user_created()]
TASK_HISTORY: list[Event] = [facts.task_created(), facts.session_created()]


def about_task(*later: Event) -> Context:
    """What Anna's task has become; each fact stands one position after the one before, from 1."""
    task = folded(TASK, [*TASK_HISTORY, *later])
    assert isinstance(task, Task)
    return context_of(task=task, organization=organization())


def test_a_person_is_made_once() -> None:
    user(
        given=[],
        when=CreateUser(name="Anna", user_id="usr_anna"),
        then=ANNA,
        again="already_exists",
    )


def test_a_token_is_stored_as_its_hash() -> None:
    user(
        given=ANNA,
        when=CreateToken(),
        then=[
            TokenCreated(user_id=facts.ANNA, token_id=TokenId(context_of().id("tok")), hash="abc")
        ],
        context=context_of(secret_hash="abc"),
    )


def test_a_token_does_not_expire_before_it_is_made() -> None:
    user(given=ANNA, when=CreateToken(expires_at=NOW), refused="malformed")


def test_a_token_can_be_revoked_once() -> None:
    user(
        given=[*ANNA, facts.token_created()],
        when=RevokeToken(token_id="tok_1"),
        then=[facts.token_revoked()],
    )


def test_a_token_that_never_was_cannot_be_revoked() -> None:
    user(given=ANNA, when=RevokeToken(token_id="tok_9"), refused="not_found")


def test_the_active_organization_can_be_changed() -> None:
    user(
        given=ANNA,
        when=SelectOrganization(organization_id="org_1"),
        then=[facts.organization_selected()],
        context=context_of(organization=organization()),
    )


def test_one_task_per_organization_is_selected() -> None:
    user(
        given=ANNA,
        when=SelectTask(task_id="task_1"),
        then=[facts.task_selected()],
        context=about_task(),
    )


def test_a_session_that_never_had_a_turn_is_read_already() -> None:
    command = SetUnread(task_id="task_1", session_id="ses_1", unread=False)

    user(given=ANNA, when=command, then=[], context=about_task())


def test_a_session_can_be_marked_unread() -> None:
    user(
        given=ANNA,
        when=SetUnread(task_id="task_1", session_id="ses_1", unread=True),
        then=[facts.session_unread_set()],
        context=about_task(),
    )


def test_the_end_of_a_turn_makes_an_older_mark_count_no_more() -> None:
    read = facts.session_unread_set(unread=False)
    turns = (facts.message_queued(), facts.message_delivered(), facts.turn_ended())
    command = SetUnread(task_id="task_1", session_id="ses_1", unread=False)
    # The mark stands at position 2, the turn's end at 5; read again it stands at 6.
    given = [*ANNA, read, *(facts.organization_selected() for _ in range(3))]

    user(given=given, when=command, then=[read], context=about_task(*turns))


def test_a_session_of_another_task_is_not_found() -> None:
    command = SetUnread(task_id="task_1", session_id="ses_9", unread=True)

    user(given=ANNA, when=command, refused="not_found", context=about_task())


def test_a_draft_is_kept_with_its_attachments() -> None:
    command = UpdateDraft(
        task_id="task_1",
        session_id="ses_1",
        text="look",
        attachments=(AttachmentField(id="1", path="a.py", line=3),),
    )

    events = USER.decide(folded(USER, ANNA), command, about_task())

    attachment = Attachment(id="1", path="a.py", line=3)
    assert events == [facts.draft_updated(text="look", attachments=(attachment,))]


def test_the_same_draft_again_changes_nothing() -> None:
    user(
        given=ANNA,
        when=UpdateDraft(task_id="task_1", session_id="ses_1", text="half a thought"),
        then=[facts.draft_updated()],
        context=about_task(),
    )


def test_an_empty_draft_where_none_is_changes_nothing() -> None:
    command = UpdateDraft(task_id="task_1", session_id="ses_1", text="")

    user(given=ANNA, when=command, then=[], context=about_task())


def test_sending_cleared_the_draft_so_the_same_text_is_a_new_one() -> None:
    command = UpdateDraft(task_id="task_1", session_id="ses_1", text="half a thought")
    # The draft stands at position 2, the message Anna sent at 3; kept again it stands at 4.
    given = [*ANNA, facts.draft_updated(), facts.organization_selected()]
    sent = about_task(facts.message_queued())

    user(given=given, when=command, then=[facts.draft_updated()], context=sent)


def test_emptying_a_draft_that_sending_cleared_changes_nothing() -> None:
    command = UpdateDraft(task_id="task_1", session_id="ses_1", text="")
    sent = about_task(facts.message_queued())

    user(given=[*ANNA, facts.draft_updated()], when=command, then=[], context=sent)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (facts.session_closed(), "session_closed"),
        (facts.task_archived(), "task_over"),
        (facts.task_killed(), "task_over"),
    ],
)
def test_nothing_can_be_kept_of_a_session_that_is_in_no_list_any_more(
    end: Event, code: str
) -> None:
    given = [*ANNA, facts.draft_updated(), facts.session_unread_set()]
    ended = about_task(end)
    draft, emptied = (
        UpdateDraft(task_id="task_1", session_id="ses_1", text=text) for text in ("more", "")
    )
    unread, read = (
        SetUnread(task_id="task_1", session_id="ses_1", unread=unread) for unread in (True, False)
    )

    user(given=given, when=draft, refused=code, context=ended)
    user(given=given, when=unread, refused=code, context=ended)
    # Neither is there: it went with the session.
    user(given=given, when=emptied, then=[], context=ended)
    user(given=given, when=read, then=[], context=ended)


@pytest.mark.parametrize(
    ("command", "chosen"),
    [
        (SelectOrganization(organization_id="org_1"), facts.organization_selected()),
        (SelectTask(task_id="task_1"), facts.task_selected()),
        (
            SetUnread(task_id="task_1", session_id="ses_1", unread=True),
            facts.session_unread_set(),
        ),
        (
            UpdateDraft(task_id="task_1", session_id="ses_1", text="half a thought"),
            facts.draft_updated(),
        ),
    ],
)
def test_who_left_and_came_back_begins_anew(command: UserCommand, chosen: Event) -> None:
    left = facts.member_removed(facts.ANNA)
    back = organization(left, facts.member_added(facts.ANNA, "Anna"))
    task = folded(TASK, TASK_HISTORY)
    assert isinstance(task, Task)
    # Anna chose it at position 2 and came back at 4; chosen again it stands at 5.
    given = [*ANNA, chosen, facts.token_created(), facts.token_revoked()]

    user(given=given, when=command, then=[chosen], context=context_of(task=task, organization=back))


def test_expired_app_sessions_are_forgotten_when_somebody_signs_in() -> None:
    old = AppSessionStarted(
        user_id=facts.ANNA, app_session_id="old", hash="00", expires_at=Timestamp(2)
    )

    state = folded(USER, [*ANNA, old, facts.app_session_started()])

    assert isinstance(state, User)
    assert list(state.app_sessions) == ["a1"]
    assert isinstance(expired_at_once := folded(USER, [*ANNA, old, old]), User)
    assert not expired_at_once.app_sessions


def test_of_app_sessions_the_newest_are_kept_and_signing_in_is_not_slower_for_it() -> None:
    def signing_in(times: int) -> tuple[list[str], float]:
        started = [
            replace(facts.app_session_started(), app_session_id=f"a{number}")
            for number in range(times)
        ]
        before = time.process_time()
        state = folded(USER, [*ANNA, *started])
        assert isinstance(state, User)
        return list(state.app_sessions), time.process_time() - before

    few, _ = signing_in(MAX_APP_SESSIONS)
    many, seconds = signing_in(20 * MAX_APP_SESSIONS)

    assert few == [f"a{number}" for number in range(MAX_APP_SESSIONS)]
    assert many == [f"a{number}" for number in range(19 * MAX_APP_SESSIONS, 20 * MAX_APP_SESSIONS)]
    assert seconds < 10
