"""What workers report about the sessions of a task: what no longer fits changes nothing."""

from functools import partial

from commands.session_reports import (
    message_delivered,
    permission_requested,
    session_failed,
    session_ready,
    turn_ended,
)
from commands.task_state import Task
from events.agent_session import PermissionOption
from events.ids import MessageId, Position
from tests import facts
from tests.decisions.task_at_work import MADE, READY, RUNNING, after


def test_a_session_becomes_ready_once() -> None:
    made = after(*MADE)

    assert session_ready(made, session_id=facts.SESSION) == [facts.session_ready()]
    assert session_ready(after(*READY), session_id=facts.SESSION) == []
    assert session_ready(after(*MADE, facts.session_closed()), session_id=facts.SESSION) == []


def test_a_session_that_failed_can_become_ready_again() -> None:
    failed = after(*READY, facts.session_failed())

    assert session_failed(failed, session_id=facts.SESSION, message="no agent") == []
    assert session_ready(failed, session_id=facts.SESSION) == [facts.session_ready()]


def test_a_message_to_a_session_that_failed_has_it_opened_again() -> None:
    failed = after(*READY, facts.session_failed())
    asked = after(*READY, facts.session_failed(), facts.message_queued(message=MessageId("msg_2")))

    assert isinstance(failed, Task)
    assert isinstance(asked, Task)
    assert (failed.busy, asked.busy) == (False, True)
    assert asked.sessions[facts.SESSION].status == "pending"
    assert session_ready(asked, session_id=facts.SESSION) == [facts.session_ready()]
    assert session_failed(asked, session_id=facts.SESSION, message="x")


def test_only_the_first_waiting_message_is_delivered_and_only_one_at_a_time() -> None:
    second = MessageId("msg_2")
    one = {"session_id": facts.SESSION}
    two_wait = after(*READY, facts.message_queued(message=second))
    one_runs = after(*RUNNING, facts.message_queued(message=second))

    assert message_delivered(two_wait, **one, message_id=second) == []
    assert message_delivered(two_wait, **one, message_id=facts.MESSAGE) == [
        facts.message_delivered()
    ]
    assert message_delivered(one_runs, **one, message_id=second) == []
    assert message_delivered(after(*MADE), **one, message_id=facts.MESSAGE) == []


def test_a_message_is_never_delivered_again_after_its_turn() -> None:
    done = after(*RUNNING, facts.turn_ended())

    assert message_delivered(done, session_id=facts.SESSION, message_id=facts.MESSAGE) == []


def test_a_turn_ends_once_also_when_its_session_was_closed_meanwhile() -> None:
    ended = partial(
        turn_ended,
        session_id=facts.SESSION,
        message_id=facts.MESSAGE,
        stop_reason="end_turn",
        transcript_version=Position(7),
    )

    assert ended(after(*RUNNING)) == [facts.turn_ended()]
    assert ended(after(*RUNNING, facts.session_closed())) == [facts.turn_ended()]
    assert ended(after(*RUNNING, facts.turn_ended())) == []


def test_a_permission_is_asked_for_once_and_only_while_a_turn_runs() -> None:
    requested = partial(
        permission_requested,
        session_id=facts.SESSION,
        request_id="p1",
        title="Delete everything?",
        options=(PermissionOption(id="no", name="No", kind="reject_once"),),
    )
    asked = after(*RUNNING, facts.permission_requested())

    assert requested(after(*RUNNING)) == [facts.permission_requested()]
    assert requested(asked) == []
    assert requested(after(*READY)) == []


def test_the_state_tells_the_worker_who_sent_a_waiting_message() -> None:
    task = after(*MADE)

    assert isinstance(task, Task)
    (waiting,) = task.sessions[facts.SESSION].queue
    assert (waiting.text, waiting.actor) == ("Please fix the login.", facts.ANNA)
