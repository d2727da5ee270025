"""One reader of the log per process, and everybody in the process who follows it, in lockstep."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from events.commit import Recorded
from events.ids import Position
from events.store import EventStore
from runtime.errors import Unavailable


class Follower(Protocol):
    """Somebody who wants every commit once, in order."""

    @property
    def checkpoint(self) -> Position:
        """Commits up to here were applied already, also before a restart; the feed starts after the lowest."""

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Apply commits in order; those at or below the checkpoint may come again and are skipped."""


class Feed:
    """Reads the log once and hands each batch to every follower in turn, then moves its own position."""

    def __init__(self, store: EventStore, followers: Sequence[Follower]) -> None:
        self._store = store
        self._followers = followers
        self._waiting: list[tuple[Position, asyncio.Future[None]]] = []
        self.position = Position(0)
        """Everything up to here has been applied by every follower."""

    async def run(self) -> None:
        """Follow the log for ever. Ends only by cancellation or by an error that needs a new start."""
        self.position = min(
            (follower.checkpoint for follower in self._followers), default=Position(0)
        )
        # Closed here, so that the reader's consumer goes with it when this task is cancelled.
        async with aclosing(self._store.read(self.position)) as batches:
            async for batch in batches:
                for follower in self._followers:
                    await follower.apply(batch)
                self.position = batch[-1].position
                self._wake()

    async def reached(self, position: Position, *, within: float) -> None:
        """Wait until everything up to `position` was applied. Raises `Unavailable` after `within` seconds."""
        if self.position >= position:
            return
        waiter = asyncio.get_running_loop().create_future()
        entry = (position, waiter)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(within):
                await waiter
        except TimeoutError:
            raise Unavailable(
                f"This node is at position {self.position} and has not reached {position}; try again.",
                code="not_caught_up",
            ) from None
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def _wake(self) -> None:
        for entry in [one for one in self._waiting if one[0] <= self.position]:
            self._waiting.remove(entry)
            if not entry[1].done():
                entry[1].set_result(None)
