"""Requests sent before the last was answered: each gets its own answer, in order and whole."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import Response

from tests.gateway.node import Node, running
from tests.gateway.reader import Reader, asking, open_connection, request

MUCH = 7_000_000
PIECES = 5
"""From the first to the last it takes longer than a reader may stand still."""
BEARER = {"Authorization": "Bearer ann"}
STREAM = request("GET", "/v1/stream?topic=app", BEARER)
NOWHERE = request("GET", "/nowhere", BEARER)


@asynccontextmanager
async def sent(
    node: Node, *requests: bytes, receive_buffer: int | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    source, sink = await open_connection(node.port, receive_buffer)
    try:
        sink.write(b"".join(requests))
        yield source
    finally:
        sink.transport.abort()


async def test_a_stream_begins_with_its_own_head_whatever_was_sent_behind_it(node: Node) -> None:
    async with sent(node, STREAM, NOWHERE) as source:
        reader = Reader(source)
        await reader.head()
        await reader.until("ready")

    assert reader.headers["content-type"].startswith("text/event-stream")
    assert [event.name for event in reader.seen] == ["hello", "snapshot", "ready"]


async def test_the_answer_to_a_head_is_not_left_out(node: Node) -> None:
    async with sent(node, request("HEAD", "/nowhere", {}), NOWHERE) as source:
        first, second = Reader(source), Reader(source)
        await first.head()
        await second.head()
        problem = await second.body()

    assert (first.status, second.status) == (404, 404)
    assert problem["code"] == "not_found"


async def test_a_stream_with_requests_behind_it_ends_when_its_reader_leaves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Nothing is read while a request waits for its turn: that nobody is there is felt with the next heartbeats.
    async with running(heartbeat_seconds=0.2) as node:
        async with sent(node, STREAM, NOWHERE) as source:
            await Reader(source).head()
        async with asyncio.timeout(3):
            while node.gateway.streams:
                await asyncio.sleep(0)

    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@asynccontextmanager
async def behind_much() -> AsyncIterator[Node]:
    options: dict[str, Any] = {"heartbeat_seconds": 0.2, "stall_seconds": 0.5}
    async with running(beside={"/much": Response(b"z" * MUCH)}, **options) as node:
        yield node


MUCH_FIRST = (request("GET", "/much", {}), STREAM)


async def test_a_stream_behind_an_answer_that_is_read_slowly_begins_after_it() -> None:
    async with (
        behind_much() as node,
        sent(node, *MUCH_FIRST, receive_buffer=65536) as source,
        asking(node.port, "GET", "/v1/stream?topic=app") as beside,
    ):
        first, second = Reader(source), Reader(source)
        await first.head()
        for _ in range(PIECES):
            assert await source.readexactly(MUCH // PIECES) == b"z" * (MUCH // PIECES)
            # From one heartbeat of another stream to its next this one's is due: nothing of it may come between.
            await beside.until("heartbeat")
        await second.head()
        await second.until("heartbeat")

    assert second.status == 200
    assert [event.name for event in second.seen][:3] == ["hello", "snapshot", "ready"]


async def test_a_stream_behind_an_answer_that_nobody_reads_is_ended() -> None:
    async with behind_much() as node, sent(node, *MUCH_FIRST, receive_buffer=4096):
        async with asyncio.timeout(5):
            while not node.gateway.streams:
                await asyncio.sleep(0)
            (connection,) = node.gateway.streams
            waiting = connection.wire.pending
            while node.gateway.streams:
                await asyncio.sleep(0.01)

    assert waiting > 0
