"""Whoever stops making progress is started anew; when that does not help the process ends, and says why."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from commands.directory import Directory
from events.commit import Commit, Recorded
from events.feed import Feed
from events.ids import BEGINNING, Position, Timestamp, UserId
from events.memory import MemoryStore
from events.store import subject_of
from events.user import UserCreated
from foundry.liveness import Liveness
from foundry.reading import RESTARTS, NodeFailed, Reading
from foundry.worker_watch import keep_moving
from runtime.errors import Unavailable
from runtime.pulse import Pulse

WITHIN = 20.0


class Halting(MemoryStore):
    """Its readers stand still: so many of them bring nothing at all, then each brings all there is."""

    def __init__(self, halting: int) -> None:
        super().__init__()
        self._halting = halting
        self.readers = 0

    async def read(self, after: Position) -> AsyncGenerator[Sequence[Recorded], None]:
        self.readers += 1
        if self.readers <= self._halting:
            await asyncio.Event().wait()
        async for batch in super().read(after):
            yield batch


class Noted:
    """A follower; its checkpoint is where it is."""

    def __init__(self) -> None:
        self.checkpoint = BEGINNING

    async def apply(self, batch: Sequence[Recorded]) -> None:
        self.checkpoint = batch[-1].position


async def grow(store: MemoryStore, name: str) -> Position:
    user_id = UserId(f"usr_{name}")
    commit = Commit(
        at=Timestamp(0), actor="worker", events=(UserCreated(user_id=user_id, name=name),)
    )
    return await store.append(
        subject_of("user", user_id), commit, expected=BEGINNING, message_id=name
    )


async def never() -> None:
    await asyncio.Event().wait()


def reading(store: MemoryStore, feed: Feed, liveness: Liveness) -> Reading:
    return Reading(feed, liveness, until_cut=never, level=never)


async def test_a_reader_that_stands_still_is_started_anew_and_goes_on() -> None:
    store = Halting(RESTARTS)
    feed = Feed(store, [Noted()])
    liveness = Liveness(store, feed, look=0.01, stuck=0.05)
    position = await grow(store, "one")

    async with asyncio.timeout(WITHIN):
        watching = asyncio.create_task(liveness.watch())
        running = asyncio.create_task(reading(store, feed, liveness).run())
        await feed.reached(position, within=WITHIN)
        later = await grow(store, "two")
        await feed.reached(later, within=WITHIN)
    for task in (watching, running):
        task.cancel()

    assert store.readers == RESTARTS + 1
    assert not liveness.stuck


async def test_a_reader_that_no_start_helps_ends_the_node_with_a_reason() -> None:
    store = Halting(1000)
    feed = Feed(store, [Noted()])
    liveness = Liveness(store, feed, look=0.01, stuck=0.05)
    await grow(store, "one")
    watching = asyncio.create_task(liveness.watch())

    with pytest.raises(NodeFailed, match="reader of the log stands still"):
        async with asyncio.timeout(WITHIN):
            await reading(store, feed, liveness).run()
    watching.cancel()

    assert store.readers == RESTARTS + 1


async def test_a_reader_whose_disk_is_full_waits_for_room_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundry.reading.REFUSED_PAUSE", 0.01)
    store = MemoryStore()
    directory = await Directory.open(tmp_path / "directory.sqlite3", store)
    feed = Feed(store, [directory])
    liveness = Liveness(store, feed, look=0.01, stuck=0.3)
    await liveness.start()
    pages = directory._file._db.execute("PRAGMA page_count").fetchone()[0]
    directory._file._db.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(300):
        position = await grow(store, f"{number:060}")
    watching = asyncio.create_task(liveness.watch())
    running = asyncio.create_task(reading(store, feed, liveness).run())

    async with asyncio.timeout(WITHIN):
        while liveness.refusal is None or liveness.lag_ms() < 1000:
            await asyncio.sleep(0.01)
        reasons = liveness.reasons_not_ready()
        directory._file._db.execute(f"PRAGMA max_page_count = {pages * 1000}")
        await feed.reached(position, within=WITHIN)
    for task in (watching, running):
        task.cancel()
    directory.close()

    assert reasons == ["stuck: nothing can be written down here (database or disk is full)"]
    assert liveness.reasons_not_ready() == []


class Unheard(MemoryStore):
    """A server that is there and has no log to tell of."""

    gone = False

    async def head(self) -> Position:
        if self.gone:
            raise Unavailable("The stream EVENTS is gone.")
        return await super().head()


async def test_a_log_that_does_not_answer_makes_the_node_unready_until_it_does() -> None:
    store = Unheard()
    liveness = Liveness(store, Feed(store, []), look=0.01, silent=0.2)
    await liveness.start()
    store.gone = True
    watching = asyncio.create_task(liveness.watch())

    async with asyncio.timeout(WITHIN):
        while not liveness.lag_ms():
            await asyncio.sleep(0.01)
        assert liveness.reasons_not_ready() == []
        while not (reasons := liveness.reasons_not_ready()):
            await asyncio.sleep(0.01)
        assert liveness.lag_ms() >= 200
        store.gone = False
        while liveness.reasons_not_ready():
            await asyncio.sleep(0.01)
    watching.cancel()

    assert reasons == ["disconnected: the log does not answer (The stream EVENTS is gone.)"]
    assert liveness.lag_ms() == 0


class Worker:
    """One loop, which hangs in so many of its first rounds until it is begun anew."""

    def __init__(self, hanging: int) -> None:
        self.pulse = Pulse("its only loop", within=0.05)
        self.begun = 0
        self._hanging = hanging
        self._loop: asyncio.Task[None] | None = None

    @property
    def pulses(self) -> Sequence[Pulse]:
        return (self.pulse,)

    async def begin_anew(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        self.begun += 1
        self._loop = asyncio.create_task(self._turn())

    async def _turn(self) -> None:
        while True:
            await asyncio.sleep(0.001)
            with self.pulse.round():
                if self.begun <= self._hanging:
                    await never()


async def until_rounds(worker: Worker, rounds: int) -> None:
    while worker.pulse.rounds < rounds:
        await asyncio.sleep(0.001)


async def test_a_worker_that_stands_still_begins_anew_and_goes_on() -> None:
    worker = Worker(hanging=RESTARTS)
    await worker.begin_anew()

    async with asyncio.timeout(WITHIN):
        watching = asyncio.create_task(keep_moving(worker, lambda: True, look=0.01))
        await until_rounds(worker, 10)
    watching.cancel()

    assert worker.begun == RESTARTS + 1


async def test_a_worker_that_no_start_helps_ends_the_node_with_a_reason() -> None:
    worker = Worker(hanging=1000)
    await worker.begin_anew()

    with pytest.raises(NodeFailed, match="stands still at its only loop"):
        async with asyncio.timeout(WITHIN):
            await keep_moving(worker, lambda: True, look=0.01)


async def test_while_there_is_no_connection_a_worker_that_waits_is_left_alone() -> None:
    worker = Worker(hanging=1)
    await worker.begin_anew()
    looks = 0

    def connected() -> bool:
        nonlocal looks
        looks += 1
        return looks > 30

    async with asyncio.timeout(WITHIN):
        watching = asyncio.create_task(keep_moving(worker, connected, look=0.01))
        await until_rounds(worker, 1)
    watching.cancel()

    assert worker.begun == 2
    assert looks > 30


class Deaf(Worker):
    """Its log does not answer for so many tries to begin anew."""

    def __init__(self, deaf: int) -> None:
        super().__init__(hanging=1)
        self.deaf = deaf

    async def begin_anew(self) -> None:
        if self.begun and self.deaf:
            self.deaf -= 1
            raise Unavailable("The event store does not answer.")
        await super().begin_anew()


async def test_a_worker_that_cannot_begin_anew_does_so_once_the_log_answers() -> None:
    worker = Deaf(deaf=RESTARTS + 3)
    await worker.begin_anew()

    async with asyncio.timeout(WITHIN):
        watching = asyncio.create_task(keep_moving(worker, lambda: True, look=0.01))
        await until_rounds(worker, 10)
    watching.cancel()

    assert (worker.begun, worker.deaf) == (2, 0)


async def test_a_worker_of_a_process_that_was_suspended_is_left_alone() -> None:
    pulse = Pulse("its only loop", within=1.0)
    worker = Worker(hanging=0)
    worker.pulse = pulse
    watching = asyncio.create_task(keep_moving(worker, lambda: True, look=0.02))

    with pulse.round():
        await asyncio.sleep(0.1)
        nothing_goes_on(1.2)
        await asyncio.sleep(0.1)
        standing = pulse.stands_still
    watching.cancel()

    assert (worker.begun, standing) == (0, False)


def nothing_goes_on(seconds: float) -> None:
    time.sleep(seconds)
