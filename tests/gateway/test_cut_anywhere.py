"""A stream that breaks at any event, with a reader who is owed something: coming back with the last `id:` misses nothing."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from events.ids import BEGINNING, Position
from gateway.budget import Budget
from gateway.connection import Connection
from gateway.cursor import Cursor, parse_cursor
from gateway.frames import Frame
from gateway.holding import Holding
from gateway.hub import Hub
from gateway.source import Source
from gateway.topics import Topic, parse_topic
from gateway.wire import Headers, Listener
from tests.gateway.guests import Guests
from tests.gateway.memory_views import MemoryViews, put
from tests.gateway.node import TOPICS
from tests.gateway.reader import Held, Reader

ANN = Guests().callers["ann"]
LIMIT = 2048
WITHIN = 5.0
CARRIED = ("task/task_1", "app")


class HeldWire:
    """A wire in the hands of the test: what was written stays here, and how much is taken is as the test says."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.pending = 0
        self.taken = 0
        self.paused = False
        self.lost = False
        self.free = None

    async def has(self, events: int) -> None:
        await until(lambda: len(self.written) >= events)

    async def start(self, headers: Headers, listener: Listener | None) -> None:
        pass

    def send(self, frames: Sequence[Frame], identity: bytes) -> None:
        self.written += [frame.text() for frame in frames[:-1]]
        self.written.append(frames[-1].text(identity))

    def write(self, text: bytes | memoryview) -> None:
        self.written.append(bytes(text))

    def abort(self) -> None:
        self.lost = True

    async def finish(self, *, within: float) -> None:
        pass


class Line:
    """Streams over wires of the test's, on views of the test's."""

    def __init__(self) -> None:
        self.views = MemoryViews(TOPICS)
        self.hub = Hub(self.views, lag_ms=lambda: 0, most_bytes=LIMIT)
        self._source = Source(
            views=self.views,
            access=Guests(),
            hub=self.hub,
            reads=asyncio.Semaphore(4),
            budget=Budget(10**6),
            max_waiting_bytes=LIMIT,
            behind_seconds=1.0,
            head=self.views.head,
            read_seconds=5.0,
        )

    @asynccontextmanager
    async def stream(
        self, cursor: Cursor | None = None
    ) -> AsyncIterator[tuple[Connection, HeldWire]]:
        """One that was written to until it has nothing more to say."""
        wire = HeldWire()
        connection = Connection("sid", ANN, wire, self._source)
        topics: dict[Topic | str, Holding | None] = {}
        for name in CARRIED:
            topic = parse_topic(name, ANN.user_id)
            assert topic is not None
            epoch = self.views.epoch(topic.projection)
            topics[topic] = cursor.holding(topic, epoch) if cursor else None
        connection.open(topics)
        not_before = cursor.position if cursor else BEGINNING
        running = asyncio.create_task(connection.run(not_before=not_before))
        try:
            await until(lambda: any(b"event: ready" in text for text in wire.written))
            yield connection, wire
        finally:
            running.cancel()
            await asyncio.wait([running])


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not is_so():
            await asyncio.sleep(0)


async def told(written: Sequence[bytes], held: dict[str, Held] | None = None) -> Reader:
    """What a client knows that got so much and then lost the connection."""
    source = asyncio.StreamReader()
    source.feed_data(b"".join(written))
    source.feed_eof()
    reader = Reader(source, held=held, chunked=False)
    await reader.rest()
    return reader


async def assert_nothing_is_missed(line: Line, written: Sequence[bytes]) -> None:
    """After a cut behind each event in turn."""
    for cut in range(1, len(written) + 1):
        before = await told(written[:cut])
        cursor = parse_cursor(before.last_id)
        if cursor is None:
            continue
        held: Mapping[str, Held] = copy.deepcopy(before.held)
        async with line.stream(cursor) as (_, again):
            after = await told(again.written, {**held})
        for name, one in after.held.items():
            stored = "app/usr_ann" if name == "app" else name
            assert one.version == await line.views.version(stored), (cut, name)
            assert one.document.data == line.views.data(stored), (cut, name)


async def test_while_a_reader_is_owed_a_topic_nothing_that_is_sent_covers_it() -> None:
    line = Line()
    async with line.stream() as (connection, wire):
        gate = asyncio.Event()
        line.views.reading = lambda: until(gate.is_set)
        wire.pending = LIMIT - 500
        # Too much for what the reader leaves room for: owed, and read again later.
        line.views.commit("task/task_1", put("session", "ses_1", text="x" * LIMIT))
        # Small enough: told at once, at a later position.
        line.views.commit("app/usr_ann", put("session", "ses_2"))
        connection.beat(line.hub.heartbeat(), line.hub.stamp())
        connection.interest(1, {}, [])
        line.views.commit("app/usr_ann", put("session", "ses_3"))
        owing = len(wire.written)

        wire.pending = 0
        gate.set()
        await until(lambda: wire.written[-1].startswith(b"event: ready"))
        line.views.reading = None

    whole = await told(wire.written)
    assert [event.name for event in whole.seen[-5:-2]] == ["change", "heartbeat", "change"]
    assert all(b"\nid: " not in text for text in wire.written[owing - 3 : owing])
    assert whole.held["task/task_1"].version == await line.views.version("task/task_1")
    await assert_nothing_is_missed(line, wire.written)


async def test_what_is_conflated_for_a_paused_reader_is_covered_only_when_it_was_sent() -> None:
    line = Line()
    async with line.stream() as (connection, wire):
        for number in range(6):
            wire.paused, wire.pending = True, LIMIT
            line.views.commit("task/task_1", put("session", f"ses_{number}"))
            line.views.commit("app/usr_ann", put("session", f"ses_{number}"))
            connection.beat(line.hub.heartbeat(), line.hub.stamp())
            wire.paused, wire.pending = False, 0
            connection.wake()
            # Both topics and a heartbeat.
            await wire.has(len(wire.written) + 3)

    await assert_nothing_is_missed(line, wire.written)


async def test_an_id_right_after_a_change_covers_that_change() -> None:
    line = Line()
    async with line.stream() as (_, wire):
        for number in range(5):
            position: Position = line.views.commit("task/task_1", put("session", f"ses_{number}"))

    whole = await told(wire.written)
    cursor = parse_cursor(whole.last_id)
    assert cursor is not None
    assert cursor.position == position
    await assert_nothing_is_missed(line, wire.written)
