"""What of a stored event is shown: one rule for the audit trail over HTTP and on the command line."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from events.commit import Commit, Event, Recorded
from events.ids import Position, Timestamp
from events.shown import SECRET, shown
from events.store import subject_of
from foundry.audit_trail import _plain
from query_api.history import entry_of
from tests.events.event_shapes import EVENT_TYPES, events_of

SOUNDS_SECRET = ("hash", "secret", "password")


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda one: one.__name__)
@given(data=st.data())
def test_an_event_is_shown_as_it_is_stored_but_for_its_secrets(
    event_type: type[Event], data: st.DataObject
) -> None:
    event: Any = data.draw(events_of(event_type))
    stored = json.decode(json.encode(event))

    assert json.decode(json.encode(shown(event))) == {
        name: value
        for name, value in stored.items()
        if name not in SECRET.get(event_type, frozenset())
    }


def test_no_field_that_sounds_secret_is_shown() -> None:
    found = {
        one
        for one in get_args(Event)
        if any(name in SOUNDS_SECRET for name in one.__struct_fields__)
    }

    assert found == set(SECRET)


@pytest.mark.parametrize("event_type", SECRET, ids=lambda one: one.__name__)
@given(data=st.data())
def test_both_audit_trails_keep_the_rule(event_type: type[Event], data: st.DataObject) -> None:
    event: Any = data.draw(events_of(event_type))
    recorded = Recorded(
        position=Position(1),
        subject=subject_of("user", "usr_1"),
        message_id="",
        body=b"",
        decode=lambda body: Commit(at=Timestamp(1), actor="usr_1", events=(event,)),
    )

    printed = json.decode(json.encode(_plain(recorded)["events"]))
    answered = json.decode(json.encode(entry_of(recorded, with_facts=True).facts))

    assert printed == answered
    assert all(name not in printed[0] for name in SECRET[event_type])
