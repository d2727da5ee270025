"""What a client sends to open or change a stream, which is anything: understood, or refused with a problem."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from gateway.holding import parse_held
from gateway.requests import read_interest, read_opening
from gateway.topics import Topic
from runtime.errors import Invalid
from runtime.http import body_patience
from tests.gateway.memory_views import MemoryViews
from tests.gateway.node import TOPICS

T = TypeVar("T")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
WORDS = st.sampled_from(("app", "task/task_1", "task_detail-1.4", "1.2", "task/", "\x00", "a\nb"))
JSON = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(("topics", "cursor", "revision", "add", "remove", "x"))
BODIES = st.dictionaries(FIELDS, JSON, max_size=5).map(lambda body: json.dumps(body).encode())
ODD = st.binary(max_size=30) | st.sampled_from(
    (b"[" * 60_000, b'{"revision":' + b"9" * 6000 + b"}", b'{"topics":{"\\ud800":null}}')
)


def asked(method: str, query: str = "", body: bytes = b"") -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": "/v1/stream",
        "query_string": query.encode(),
        "headers": [],
    }
    return Request(scope, receive)


def outcome(reading: Coroutine[Any, Any, T]) -> T | Invalid:
    try:
        return asyncio.run(reading)
    except Invalid as error:
        return error


def is_fair(refusal: Invalid) -> bool:
    """Whether it points at places a body can have."""
    return all("//" not in place.pointer for place in refusal.errors)


@given(BODIES | ODD)
def test_any_body_opens_a_stream_or_is_refused(body: bytes) -> None:
    found = outcome(
        read_opening(asked("POST", body=body), MemoryViews(TOPICS), "usr_ann", body_patience())
    )

    assert is_fair(found) if isinstance(found, Invalid) else found.topics


@given(BODIES | ODD)
def test_any_body_changes_what_a_stream_carries_or_is_refused(body: bytes) -> None:
    found = outcome(read_interest(asked("POST", body=body), body_patience()))

    if isinstance(found, Invalid):
        assert is_fair(found)
    else:
        for held in found.add.values():
            parse_held(held)


@settings(deadline=None)
@given(st.lists(st.text(max_size=8) | WORDS, max_size=5), st.text(max_size=30) | WORDS)
def test_any_query_opens_a_stream_or_is_refused(topics: list[str], cursor: str) -> None:
    pairs = [("topic", one) for one in topics] + [("cursor", cursor)]
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    found = outcome(
        read_opening(asked("GET", query), MemoryViews(TOPICS), "usr_ann", body_patience())
    )

    named = [] if isinstance(found, Invalid) else found.topics
    assert {one.wire if isinstance(one, Topic) else one for one in named} == set(topics) - {""}
