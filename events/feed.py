"""One reader of the log per process, and the parts of the process that follow it, in lockstep."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.store import EventStore
from events.waiting import Waiting


class Follower(Protocol):
    """A part of the process that is given every commit once, in order."""

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
        self._waiting = Waiting()

    @property
    def position(self) -> Position:
        """Everything up to here has been applied by every follower."""
        return self._waiting.position

    async def run(self) -> None:
        """Follow the log for ever. Ends only by cancellation or by an error that needs a new start."""
        checkpoints = [follower.checkpoint for follower in self._followers]
        self._waiting.move(min(checkpoints, default=BEGINNING))
        # Closed here, so that the reader's consumer goes with it when this task is cancelled.
        async with aclosing(self._store.read(self.position)) as batches:
            async for batch in batches:
                for follower in self._followers:
                    await follower.apply(batch)
                self._waiting.move(batch[-1].position)

    async def reached(self, position: Position, *, within: float) -> None:
        """Wait until everything up to `position` was applied. Raises `Unavailable` after `within` seconds."""
        await self._waiting.reached(position, within=within)
