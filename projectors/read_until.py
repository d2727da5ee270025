"""Reads the log up to a position, and no further."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from events.commit import Recorded
from events.ids import Position
from events.store import EventStore
from runtime.errors import Unavailable

DEADLINE = 60.0
"""Seconds the store may take for the next batch."""


async def read_until(
    store: EventStore, after: Position, until: Position
) -> AsyncGenerator[Sequence[Recorded], None]:
    """Batches of the commits after `after`, up to and with `until`. Raises `Unavailable` when the log stops short."""
    if after >= until:
        return
    async with aclosing(store.read(after)) as reading:
        while after < until:
            try:
                async with asyncio.timeout(DEADLINE):
                    batch = await anext(reading)
            except TimeoutError:
                raise Unavailable(f"The log gave nothing after {after} of {until}.") from None
            after = batch[-1].position
            yield [commit for commit in batch if commit.position <= until]
