"""The commands about a task's agent sessions."""

from typing import TypedDict

import pytest

from commands.agent_session import MAX_WAITING, MAX_WAITING_BYTES
from commands.fields import AttachmentField
from commands.task import TASK
from commands.task_commands import (
    AnswerPermission,
    CancelMessage,
    ChangeModel,
    CloseSession,
    CreateSession,
    RenameSession,
    SendMessage,
    StopSession,
)
from events.agent_session import AgentSessionCreated
from events.commit import Event
from events.ids import MessageId, SessionId
from tests import facts
from tests.decisions.given import Spec, context_of, folded, organization

session = Spec(TASK)


class OfOne(TypedDict):
    task_id: str
    session_id: str


PENDING: list[Event] = [facts.task_created(), facts.session_created(), facts.job_announced()]
READY: list[Event] = [*PENDING, facts.session_ready(), facts.task_provisioned()]
WAITING: list[Event] = [*READY, facts.message_queued()]
RUNNING: list[Event] = [*WAITING, facts.message_delivered()]
OF_ONE = OfOne(task_id="task_1", session_id="ses_1")
MADE_MESSAGE = MessageId(context_of().id("msg"))
SEND = SendMessage(**OF_ONE, text="go on")


def test_a_session_is_there_at_once_with_the_agent_that_is_built_in() -> None:
    session(
        given=PENDING,
        when=CreateSession(task_id="task_1", name="Tests", session_id="ses_2"),
        then=[facts.session_created(session=SessionId("ses_2"), name="Tests")],
        again="already_exists",
    )


def test_a_session_for_which_nobody_is_named_gets_the_agent_of_the_organization() -> None:
    own = organization(facts.organization_updated(default_agent="claude", default_model="opus"))
    pending = folded(TASK, PENDING)

    def made(command: CreateSession) -> list[tuple[str, str | None]]:
        events = TASK.decide(pending, command, context_of(organization=own))
        return [(one.agent, one.model) for one in events if isinstance(one, AgentSessionCreated)]

    assert made(CreateSession(task_id="task_1")) == [("claude", "opus")]
    assert made(CreateSession(task_id="task_1", agent="shell")) == [("shell", None)]


def test_a_session_needs_an_agent_that_is_declared() -> None:
    session(
        given=PENDING,
        when=CreateSession(task_id="task_1", agent="nobody"),
        refused="unknown_agent",
    )


def test_a_message_is_accepted_while_the_session_is_pending() -> None:
    session(
        given=PENDING,
        when=SEND,
        then=[facts.message_queued(message=MADE_MESSAGE, text="go on")],
    )


def test_a_message_needs_a_text_or_an_attachment() -> None:
    attached = SendMessage(**OF_ONE, text="", attachments=(AttachmentField(id="1", path="a.py"),))

    session(given=READY, when=SendMessage(**OF_ONE, text="  \n"), refused="malformed")
    assert len(TASK.decide(folded(TASK, READY), attached, context_of())) == 1


def test_a_closed_session_takes_no_message() -> None:
    session(given=[*READY, facts.session_closed()], when=SEND, refused="session_closed")


@pytest.mark.parametrize("ended", [facts.task_archived(), facts.task_killed()])
def test_the_sessions_of_a_task_that_was_put_away_are_closed_already(ended: Event) -> None:
    close = CloseSession(task_id="task_1", session_id="ses_1")

    session(given=[*READY, ended], when=close, then=[])


def test_an_archived_task_takes_no_message() -> None:
    session(given=[*READY, facts.task_archive_requested()], when=SEND, refused="task_over")


def test_a_session_that_never_was_is_not_found() -> None:
    unknown = SendMessage(task_id="task_1", session_id="ses_9", text="hello")

    session(given=READY, when=unknown, refused="not_found")


def test_only_so_many_messages_may_wait() -> None:
    waiting: list[Event] = [
        facts.message_queued(message=MessageId(f"msg_{number}")) for number in range(MAX_WAITING)
    ]

    session(given=[*READY, *waiting], when=SEND, refused="queue_full")


def test_messages_that_wait_weigh_only_so_much_together() -> None:
    part = "é" * (MAX_WAITING_BYTES // 8)
    waiting: list[Event] = [
        facts.message_queued(message=MessageId(f"msg_{number}"), text=part) for number in range(4)
    ]
    fitting = SendMessage(**OF_ONE, text=part)
    attached = SendMessage(
        **OF_ONE, text="", attachments=(AttachmentField(id="a", path="b", text=part),)
    )

    accepted = [facts.message_queued(message=MADE_MESSAGE, text=part)]

    session(given=[*READY, *waiting[:3]], when=fitting, then=accepted)
    session(given=[*READY, *waiting], when=SEND, refused="queue_full")
    session(given=[*READY, *waiting[:3]], when=attached, refused="queue_full")
    after_one = facts.message_cancelled(message=MessageId("msg_0"))
    session(given=[*READY, *waiting, after_one], when=fitting, then=accepted)


def test_a_waiting_message_can_be_cancelled() -> None:
    session(
        given=WAITING,
        when=CancelMessage(**OF_ONE, message_id="msg_1"),
        then=[facts.message_cancelled()],
    )


def test_a_delivered_message_cannot_be_cancelled_any_more() -> None:
    command = CancelMessage(**OF_ONE, message_id="msg_1")

    session(given=RUNNING, when=command, refused="already_delivered")
    session(given=[*RUNNING, facts.turn_ended()], when=command, refused="already_delivered")


def test_a_running_turn_can_be_stopped() -> None:
    session(given=RUNNING, when=StopSession(**OF_ONE), then=[facts.session_stop_requested()])


def test_where_no_turn_runs_there_is_nothing_to_stop() -> None:
    session(given=WAITING, when=StopSession(**OF_ONE), then=[])


def test_closing_cancels_what_waits_and_stops_what_runs() -> None:
    second = MessageId("msg_2")

    session(
        given=[*RUNNING, facts.message_queued(message=second)],
        when=CloseSession(**OF_ONE),
        then=[
            facts.message_cancelled(message=second),
            facts.session_stop_requested(),
            facts.session_closed(),
        ],
    )


def test_a_permission_request_can_be_answered_with_one_of_its_options() -> None:
    session(
        given=[*RUNNING, facts.permission_requested()],
        when=AnswerPermission(**OF_ONE, request_id="p1", option_id="no"),
        then=[facts.permission_answered()],
    )


def test_a_permission_request_takes_no_option_it_does_not_offer() -> None:
    session(
        given=[*RUNNING, facts.permission_requested()],
        when=AnswerPermission(**OF_ONE, request_id="p1", option_id="yes"),
        refused="unknown_option",
    )


def test_a_permission_request_ends_with_its_turn() -> None:
    session(
        given=[*RUNNING, facts.permission_requested(), facts.turn_ended()],
        when=AnswerPermission(**OF_ONE, request_id="p1", option_id="no"),
        refused="not_asked",
    )


@pytest.mark.parametrize("end", [facts.session_stop_requested(), facts.task_archive_requested()])
def test_a_turn_that_is_being_ended_takes_no_answer(end: Event) -> None:
    session(
        given=[*RUNNING, facts.permission_requested(), end],
        when=AnswerPermission(**OF_ONE, request_id="p1", option_id="no"),
        refused="not_asked",
    )


def test_who_answers_after_somebody_elses_answer_ended_the_turn_is_told_so() -> None:
    ended = [
        *(*RUNNING, facts.permission_requested(), facts.permission_answered()),
        facts.turn_ended(),
    ]

    def answer(option: str) -> AnswerPermission:
        return AnswerPermission(**OF_ONE, request_id="p1", option_id=option)

    session(given=ended, when=answer("yes"), refused="already_answered")
    session(given=ended, when=answer("no"), then=[])


def test_a_session_can_be_renamed() -> None:
    session(
        given=READY,
        when=RenameSession(**OF_ONE, name="Tests"),
        then=[facts.session_renamed(name="Tests")],
    )


def test_the_model_of_a_session_can_be_changed() -> None:
    session(
        given=READY,
        when=ChangeModel(**OF_ONE, model="large"),
        then=[facts.session_model_changed(model="large")],
    )
