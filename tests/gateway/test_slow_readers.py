"""A reader that does not keep up costs a bounded number of bytes, loses nothing, and holds nobody up."""

import asyncio
import time
from typing import Any

import pytest

from gateway.connection import Connection
from tests.gateway.memory_views import MemoryViews, put
from tests.gateway.node import TOPICS, Node, running

SMALL = 4096
"""Bytes the slow reader's own kernel takes, so that it is felt as slow at once."""


def waiting_bytes(node: Node) -> int:
    """What the node keeps for its readers, as its own metric sees it."""
    return sum(connection.wire.pending for connection in connections(node))


def connections(node: Node) -> list[Connection]:
    return list(node.gateway.streams)


async def flood(node: Node, topic: str, commits: int, *, entities: int, size: int) -> int:
    """Many commits to few entities; returns the largest number of bytes that waited meanwhile."""
    worst = 0
    for number in range(commits):
        text = f"{number}:" + "x" * size
        node.views.commit(topic, put("session", f"ses_{number % entities}", text=text))
        worst = max(worst, waiting_bytes(node))
        await asyncio.sleep(0)
    return worst


async def test_what_waits_for_a_slow_reader_is_conflated_and_bounded(node: Node) -> None:
    async with node.stream("task/task_1", receive_buffer=SMALL) as reader:
        await reader.until("ready")

        worst = await flood(node, "task/task_1", 3000, entities=5, size=1000)
        await reader.until_version("task/task_1", node.views.position)
        beat = await reader.until("heartbeat")

    changes = [event.data for event in reader.seen if event.name == "change"]
    assert worst < 256 * 1024
    assert len(changes) < 1000
    assert "conflated" in {one["cause"]["kind"] for one in changes}
    assert beat.id is not None
    assert reader.held["task/task_1"].document.data == node.views.data("task/task_1")


async def test_when_the_whole_is_smaller_than_the_changes_it_is_sent(node: Node) -> None:
    async with node.stream("transcript/ses_1", receive_buffer=SMALL) as reader:
        await reader.until("ready")

        for number in range(2000):
            text = "x" * 1000
            entry = put("entry", f"ent_{number:05}", text=text)
            gone = {"op": "remove", "entity": "entry", "id": f"ent_{number - 20:05}"}
            node.views.commit("transcript/ses_1", entry, gone)
            await asyncio.sleep(0)
        await reader.until_version("transcript/ses_1", node.views.position)

    causes = {event.data["cause"]["kind"] for event in reader.seen if event.name == "snapshot"}
    assert causes == {"bootstrap", "conflated"}
    held = reader.held["transcript/ses_1"].document.data
    assert held == node.views.data("transcript/ses_1")


async def test_no_id_is_sent_while_something_is_conflated(node: Node) -> None:
    async with node.stream("task/task_1", "app", receive_buffer=SMALL) as reader:
        await reader.until("ready")
        await flood(node, "task/task_1", 2000, entities=5, size=1000)

        owing = True
        while owing:
            event = await reader.next()
            behind = reader.held["task/task_1"].version < node.views.position
            assert event.id is None or not behind or event.data["version"] < 300
            owing = behind


async def test_a_large_snapshot_is_sent_in_pieces_as_it_is_read() -> None:
    topics = {**TOPICS, "task/task_1": {"id": "task_1", "text": "x" * 7_000_000}}
    async with (
        running(MemoryViews(topics)) as node,
        node.stream("task/task_1", "app", receive_buffer=16 * SMALL) as slow,
    ):
        await slow.until("hello")
        async with node.stream("app") as quick:
            await quick.until("ready")
            waiting = waiting_bytes(node)
            version = node.views.commit("app/usr_ann", put("session", "ses_1"))
            await quick.until_version("app", version)
            assert "task/task_1" not in slow.held

        # Seven megabytes through so small a buffer take their time where others want the processor too.
        await slow.until_version("task/task_1", 4, within=60)
        await slow.until_version("app", version)

    assert waiting < 256 * 1024
    assert len(slow.held["task/task_1"].document.scalars["text"]) == 7_000_000


async def test_a_reader_that_takes_nothing_is_ended_and_the_others_are_served_meanwhile() -> None:
    topics = {**TOPICS, "task/task_1": {"id": "task_1", "text": "x" * 7_000_000}}
    options: dict[str, Any] = {"stall_seconds": 0.5, "heartbeat_seconds": 0.5}
    async with (
        running(MemoryViews(topics), **options) as node,
        node.stream("task/task_1", receive_buffer=SMALL) as stalled,
        node.stream("app") as quick,
    ):
        await quick.until("ready")
        began = time.monotonic()
        served = 0
        while len(connections(node)) == 2:
            assert time.monotonic() - began < 30
            version = node.views.commit("app/usr_ann", put("session", "ses_1"))
            await quick.until_version("app", version)
            served += 1
        with pytest.raises((ConnectionError, EOFError)):
            await stalled.rest()

    assert time.monotonic() - began >= 0.5
    # How fast is for the benchmark to say; here it counts that nobody waited for the stalled one.
    assert served > 10


async def test_a_slow_but_steady_reader_is_not_ended() -> None:
    topics = {**TOPICS, "task/task_1": {"id": "task_1", "text": "x" * 2_000_000}}
    options: dict[str, Any] = {"stall_seconds": 0.4, "heartbeat_seconds": 0.2}
    async with (
        running(MemoryViews(topics), **options) as node,
        node.stream("task/task_1", receive_buffer=65536) as reader,
    ):
        reader.pace = 0.02
        began = time.monotonic()
        await reader.until("ready", within=20)

    assert time.monotonic() - began > 0.8


async def test_large_views_wait_for_each_other_when_the_budget_is_spent() -> None:
    large = {
        f"task/task_{number}": {"id": f"task_{number}", "text": "x" * 1_000_000}
        for number in (1, 2)
    }
    async with (
        running(MemoryViews({**TOPICS, **large}), max_large_bytes=1_500_000) as node,
        node.stream("task/task_1", receive_buffer=SMALL) as first,
    ):
        await first.until("hello")
        async with node.stream("task/task_2") as second, node.stream("app") as small:
            await small.until("ready")
            with pytest.raises(TimeoutError):
                await second.until("ready", within=0.2)
            await first.until("ready")
            await second.until("ready")
