"""Events of a sandbox-agent server: the same, however the network cuts them, and no bytes are an error."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import example, given
from hypothesis import strategies as st

from workflows.server_sent import server_sent

FRAGMENTS = st.binary(max_size=12) | st.sampled_from(
    (b"id: 7\n", b"id: 8\r\n", b"data: {}\n", b"data:x\r\n", b"\n", b"\r\n\r\n", b"id: -1\n", b"\r")
)


async def events_of(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    async def coming() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in server_sent(coming())]


@given(st.lists(FRAGMENTS, max_size=12))
@example([b"id: 7\r", b"\ndata: x\r", b"\n\r", b"\n"])
@example([b"id: " + b"9" * 5000 + b"\ndata: x\n\n"])
def test_any_bytes_are_the_same_events_however_they_are_cut(pieces: list[bytes]) -> None:
    whole = asyncio.run(events_of([b"".join(pieces)]))

    assert asyncio.run(events_of(pieces)) == whole


def test_an_event_has_its_number_and_its_lines() -> None:
    body = b": hello\n\nid: 7\nevent: x\ndata: a\ndata: b\n\nid: none\ndata: c\n\ndata: d\n\n"

    assert asyncio.run(events_of([body])) == [(7, b"a\nb")]
