"""JSON pointers whose list elements are named by id."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from query_api.pointer import Json, find, parse
from runtime.errors import Invalid

VIEW: Json = {
    "title": "Fix login",
    "": "empty name",
    "a/b": {"m~n": 8},
    "sessions": [
        {"id": "ses_1", "status": "idle", "queue": [{"id": "msg_1", "text": "hello"}]},
        {"id": "0", "status": "running"},
    ],
    "args": ["-v", "test"],
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/title", "Fix login"),
        ("/", "empty name"),
        ("/a~1b/m~0n", 8),
        ("/sessions/ses_1/status", "idle"),
        ("/sessions/ses_1/queue/msg_1/text", "hello"),
        ("/args/1", "test"),
    ],
)
def test_a_pointer_leads_to_its_value(pointer: str, value: Json) -> None:
    assert find(VIEW, parse(pointer)) == value


def test_an_element_with_an_id_has_no_index() -> None:
    assert find(VIEW, parse("/sessions/0/status")) == "running"
    assert find(VIEW, parse("/sessions/1")) is UNSET


@pytest.mark.parametrize(
    "pointer", ["/nothing", "/title/0", "/sessions/ses_2", "/args/2", "/args/01", "/args/-"]
)
def test_a_pointer_to_nothing_finds_nothing(pointer: str) -> None:
    assert find(VIEW, parse(pointer)) is UNSET


@pytest.mark.parametrize("pointer", ["", "title", "#/title", "/a~b", "/a~2b", "/a~"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(Invalid):
        parse(pointer)


NAMES = st.sampled_from(("/title", "/sessions", "/0", "/ses_1", "/args", "/-1", "/~1", "~", "/"))


@given(st.lists(st.text(max_size=4) | NAMES, max_size=5).map("".join))
def test_any_text_is_a_pointer_or_is_refused(pointer: str) -> None:
    with suppress(Invalid):
        find(VIEW, parse(pointer))
