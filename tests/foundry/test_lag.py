"""What a node says of how far it is behind the log."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import count

from prometheus_client import REGISTRY

from events.commit import Recorded
from events.feed import Feed
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from foundry.liveness import Liveness
from tests.foundry.test_watchdogs import Noted, grow

WITHIN = 20.0


class Outrun(MemoryStore):
    """With each look at its head it has two commits more, of which a reader gets one."""

    def __init__(self) -> None:
        super().__init__()
        self.growing = True
        self._looked = asyncio.Semaphore(0)
        self._numbers = count()

    async def head(self) -> Position:
        if self.growing:
            await grow(self, f"{next(self._numbers)}")
            await grow(self, f"{next(self._numbers)}")
        self._looked.release()
        return await super().head()

    async def read(self, after: Position) -> AsyncGenerator[Sequence[Recorded], None]:
        async for batch in super().read(after):
            for commit in batch:
                await self._looked.acquire()
                yield [commit]


async def test_a_node_that_reads_on_and_is_too_slow_for_the_log_says_how_old_its_state_is() -> None:
    store = Outrun()
    feed = Feed(store, [Noted()])
    liveness = Liveness(store, feed, look=0.01)
    await liveness.start()
    watching = asyncio.create_task(liveness.watch())
    running = asyncio.create_task(feed.run())

    async with asyncio.timeout(WITHIN):
        while liveness.lag_ms() < 200:
            await asyncio.sleep(0.01)
        measured = REGISTRY.get_sample_value("foundry_projection_lag_seconds")
        read = feed.position
        store.growing = False
        while liveness.lag_ms():
            await asyncio.sleep(0.01)
    for task in (watching, running):
        task.cancel()

    assert measured is not None
    assert measured >= 0.2
    assert read > BEGINNING


async def test_a_node_that_still_reads_what_was_there_at_its_start_is_not_behind() -> None:
    store = Outrun()
    for number in range(100):
        await grow(store, f"before {number}")
    store.growing = False
    feed = Feed(store, [Noted()])
    liveness = Liveness(store, feed, look=0.01)
    await liveness.start()
    watching = asyncio.create_task(liveness.watch())
    running = asyncio.create_task(feed.run())

    async with asyncio.timeout(WITHIN):
        while feed.position < 20:
            await asyncio.sleep(0.01)
    lag, started = liveness.lag_ms(), liveness.started
    for task in (watching, running):
        task.cancel()

    assert (lag, started) == (0, False)
