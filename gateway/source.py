"""What all streams of a node read from, and how long they wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from events.ids import BEGINNING, Position
from gateway.budget import Budget
from gateway.catching_up import Delivery, catch_up
from gateway.ending import Ended
from gateway.hub import Hub
from gateway.permission import Permission
from gateway.subscription import Mode, Subscription
from gateway.topics import Topic
from projectors.views import Views
from runtime.errors import Unavailable
from runtime.identity import Access, Caller


@dataclass(frozen=True, kw_only=True)
class Source:
    """`reads` bounds the reads in flight, `budget` the bytes of large events; times are seconds."""

    views: Views
    access: Access
    hub: Hub
    reads: asyncio.Semaphore
    budget: Budget
    max_waiting_bytes: int
    head: Callable[[], Awaitable[Position]]
    behind_seconds: float
    read_seconds: float

    async def sees(self, caller: Caller, topic: Topic) -> bool:
        """Whether the caller may see the topic now. Raises `Ended` when nobody can tell."""
        try:
            async with asyncio.timeout(self.read_seconds):
                return await Permission(self.access).sees(caller, topic)
        except (Unavailable, TimeoutError):
            raise Ended("unavailable", "Who may see the topic cannot be decided now.") from None

    async def read(self, subscription: Subscription) -> Delivery | None:
        """What the client lacks, as the rows are now. Raises `Ended`."""
        try:
            async with asyncio.timeout(self.read_seconds), self.reads:
                return await catch_up(
                    self.views,
                    subscription.topic,
                    subscription.holding,
                    was_live=subscription.mode is Mode.BEHIND,
                    keeps_up=subscription.keeps_up,
                )
        except Unavailable as error:
            raise Ended("unavailable", error.detail) from None
        except TimeoutError:
            raise Ended("unavailable", "This node is too busy to read the topic.") from None

    async def reached(self, position: Position) -> None:
        """Wait until the rows have all up to a position. Raises `Ended`."""
        try:
            await self.views.reached(position, within=self.behind_seconds)
        except Unavailable as error:
            raise Ended("behind", error.detail) from None

    async def newest(self) -> Position:
        """Up to where the log goes now. Raises `Ended`."""
        try:
            async with asyncio.timeout(self.read_seconds):
                return await self.head()
        except (Unavailable, TimeoutError):
            raise Ended(
                "unavailable", "Whether the topic is yet to come cannot be told now."
            ) from None

    async def room_for_more(self) -> None:
        """Wait until the large events being sent to other streams leave room. Raises `Ended`."""
        try:
            await self.budget.freed(within=self.read_seconds)
        except TimeoutError:
            raise Ended("capacity", "Too many large views are being sent.") from None

    def is_current(self, subscription: Subscription) -> bool:
        """Whether the state held is of the projection that is live now."""
        holding = subscription.holding
        return holding is not None and holding.epoch == self.views.epoch(
            subscription.topic.projection
        )

    def held(self, subscription: Subscription) -> Position:
        """The position the rows must have reached, so that the client is sent nothing older than it holds."""
        holding = subscription.holding
        # A position of another epoch says nothing about this log: it may have been cut.
        return holding.position if holding and self.is_current(subscription) else BEGINNING
