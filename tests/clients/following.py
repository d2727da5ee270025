"""Waiting for what a client under test comes to, by what it tells."""

import asyncio
from collections.abc import Callable
from typing import Any

from foundry_client import Foundry, Status, Subscription, View, Why

WITHIN = 60.0


class Following:
    """One topic, followed: every view it was told, and a way to wait for the one that is wanted."""

    def __init__(self, foundry: Foundry, topic: str, **options: Any) -> None:
        self.told: list[tuple[View | None, Why]] = []
        self._changed = asyncio.Event()
        self.subscription: Subscription = foundry.subscribe(topic, self._take, **options)

    def _take(self, view: View | None, why: Why) -> None:
        self.told.append((view, why))
        self._changed.set()

    async def until(self, wanted: Callable[[Any], bool], within: float = WITHIN) -> View:
        """The first view from now on whose data is as wanted; the one that is held counts."""
        async with asyncio.timeout(within):
            while (view := self.subscription.view) is None or not wanted(view.data):
                self._changed.clear()
                await self._changed.wait()
            return view

    @property
    def causes(self) -> list[str]:
        return [why.cause for _, why in self.told]


async def state_of(foundry: Foundry, wanted: Status, within: float = WITHIN) -> None:
    """Wait until the manager is in a state."""
    there = asyncio.Event()
    end = foundry.on("state", lambda state: there.set() if state == wanted else None)
    try:
        async with asyncio.timeout(within):
            if foundry.state != wanted:
                await there.wait()
    finally:
        end()
