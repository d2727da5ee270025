"""Commits to bytes and back, whatever is in them and whenever they were written."""

import re
from contextlib import suppress
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from events.codec import Undecodable, decode, encode
from events.commit import FORMAT, CommandRef, Commit, Event
from events.fact import Attachment
from events.ids import OrganizationId, Timestamp
from events.store import MAX_COMMIT_BYTES
from events.upcasters import upcast
from tests import facts
from tests.events.event_shapes import EVENT_TYPES, events_of, tag_of_type


def commit_of(*events: Struct) -> Commit:
    return msgspec.structs.replace(Commit(at=Timestamp(5), actor="usr_1", events=()), events=events)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=tag_of_type)
@given(data=st.data())
@settings(deadline=None)
def test_every_event_comes_back_as_it_was(event_type: type[Struct], data: st.DataObject) -> None:
    commit = commit_of(data.draw(events_of(event_type)))

    assert decode(encode(commit)) == commit


@given(
    actor=st.text(),
    organization=st.none() | st.text(),
    command=st.none() | st.builds(CommandRef, id=st.text(), name=st.text(), digest=st.text()),
    ids=st.dictionaries(st.text(), st.text()),
)
def test_what_stands_around_the_events_comes_back_too(
    actor: str, organization: str | None, command: CommandRef | None, ids: dict[str, str]
) -> None:
    commit = Commit(
        at=Timestamp(5),
        actor=actor,
        events=(),
        organization_id=None if organization is None else OrganizationId(organization),
        command=command,
        correlation_id="request",
        ids=ids,
    )

    assert decode(encode(commit)) == commit


@pytest.mark.parametrize("size", [1, 100_000, 400_000])
def test_a_long_prompt_stands_in_its_commit_once(size: int) -> None:
    prompt = '"' * size
    message = facts.message_queued(text=prompt)
    pointing = replace(message, text="", attachments=(Attachment(id="a", path="b"),))
    commit = commit_of(facts.task_created(prompt=prompt), message, pointing)

    stored = encode(commit)

    assert decode(stored) == commit
    assert (len(stored) < 3 * size) == (size == 400_000)
    assert len(stored) < 2 * size + 2_000 or len(stored) <= MAX_COMMIT_BYTES


def test_what_is_long_and_no_prompt_is_stored_as_it_is() -> None:
    message = facts.message_queued(text="x" * MAX_COMMIT_BYTES)
    of_another = facts.message_queued(text="y" * MAX_COMMIT_BYTES)

    for commit in (commit_of(message), commit_of(facts.task_created(prompt="x"), of_another)):
        assert len(encode(commit)) > MAX_COMMIT_BYTES
        assert decode(encode(commit)) == commit


def test_no_two_events_share_a_tag() -> None:
    tags = [tag_of_type(one) for one in EVENT_TYPES]

    assert len(set(tags)) == len(tags) == len(get_args(Event))


@pytest.mark.parametrize("tag", [tag_of_type(one) for one in EVENT_TYPES])
def test_a_tag_is_written_in_small_letters(tag: str) -> None:
    assert re.fullmatch("[a-z_]+", tag)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"format":1}',
        b'{"format":"x","events":[]}',
        b'{"at":1,"actor":"a","events":[{"type":"nobody_knows"}]}',
        b'{"at":1,"actor":"a","events":[{"type":"user_created"}]}',
        b'{"at":1,"actor":"a","events":[],"format":9999}',
    ],
)
def test_bytes_that_cannot_be_read_say_so_in_one_way(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(body)


BLOCKS = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("at", "actor", "events", "format", "type", "command")), inner
        )
    ),
    max_leaves=10,
)


@given(st.binary(max_size=60) | BLOCKS.map(msgspec.json.encode))
@example(b'{"format":' + b"9" * 5000 + b"}")
@example(b"[" * 100_000)
def test_any_bytes_are_a_commit_or_cannot_be_read(body: bytes) -> None:
    with suppress(Undecodable):
        assert decode(encode(decode(body))) == decode(body)


def test_a_field_of_newer_code_is_passed_over() -> None:
    body = encode(commit_of()).replace(b"{", b'{"invented_later":[1,2],', 1)

    assert decode(body) == commit_of()


def test_an_older_event_is_lifted_step_by_step() -> None:
    table = {
        1: {"task_named": lambda event: {**event, "title": event["name"]}},
        3: {"task_named": lambda event: {**event, "title": event["title"].upper()}},
    }
    written = {"type": "task_named", "name": "login"}

    assert upcast(written, written=1, current=4, upcasters=table)["title"] == "LOGIN"
    assert upcast(written, written=1, current=3, upcasters=table)["title"] == "login"
    assert upcast(written, written=2, current=3, upcasters=table) == written


def test_an_event_without_an_upcaster_stays_as_it_is() -> None:
    written = {"type": "task_killed"}

    assert upcast(written, written=1, current=3, upcasters={1: {"task_named": dict}}) == written


def test_a_commit_is_written_in_the_current_format() -> None:
    assert decode(encode(commit_of())).format == FORMAT
