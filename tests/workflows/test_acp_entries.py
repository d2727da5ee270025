from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ids import Timestamp
from events.transcript import Entry
from workflows.acp_entries import end_entries, entry_of

AT = Timestamp(7)


def update(**fields: object) -> dict[str, Any]:
    return {"method": "session/update", "params": {"sessionId": "s", "update": fields}}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("message", "entry"),
    [
        (
            update(sessionUpdate="agent_thought_chunk", content=text("hm")),
            Entry(sender="agent", kind="agent_thought_chunk", at=AT, text="hm"),
        ),
        (
            update(
                sessionUpdate="agent_message_chunk", content=text("no"), _meta={"stream": "stderr"}
            ),
            Entry(sender="tool", kind="stderr", at=AT, text="no"),
        ),
        (
            update(sessionUpdate="agent_message_chunk", content={"type": "image", "data": "="}),
            Entry(
                sender="agent",
                kind="agent_message_chunk",
                at=AT,
                payload={"content": {"type": "image", "data": "="}},
            ),
        ),
        (
            update(sessionUpdate="tool_call", toolCallId="c", title="ls"),
            Entry(
                sender="tool", kind="tool_call", at=AT, payload={"toolCallId": "c", "title": "ls"}
            ),
        ),
        (
            update(sessionUpdate="something_new", x=1),
            Entry(sender="agent", kind="something_new", at=AT, payload={"x": 1}),
        ),
        (
            {"method": "_agent/note", "params": {"x": 1}},
            Entry(sender="system", kind="_agent/note", at=AT, payload={"x": 1}),
        ),
        (update(sessionUpdate="user_message_chunk", content=text("mine")), None),
        ({"method": "session/update", "params": {"update": None}}, None),
        ({"method": "session/update"}, None),
        ({"id": 1, "result": {}}, None),
    ],
)
def test_each_word_of_the_protocol_has_its_entry(
    message: dict[str, Any], entry: Entry | None
) -> None:
    assert entry_of(message, AT) == entry


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["method", "params", "update", "id"]), json_values))
def test_no_message_an_agent_may_send_is_too_odd(message: dict[str, Any]) -> None:
    entry = entry_of(message, AT)

    assert entry is None or (entry.text is None) != (entry.payload is None)


def test_an_agents_end_is_told_with_its_last_words() -> None:
    assert [(entry.kind, entry.text) for entry in end_entries(3, "boom\n", AT)] == [
        ("stderr", "boom\n"),
        ("exit", "The agent ended with exit code 3."),
    ]
    assert [entry.kind for entry in end_entries(None, " \n", AT)] == ["exit"]
