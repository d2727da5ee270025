"""Keeps the reader of the log going: starts it anew when it stands still or the log was cut, gives up when that does not help."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from events.feed import Feed
from events.store import LostTail
from foundry.liveness import Liveness
from runtime.errors import Unavailable
from runtime.storage_errors import storage_refusal

log = logging.getLogger(__name__)

REFUSED_PAUSE = 1.0

RESTARTS = 3
"""After this many restarts without any progress the process ends, and whoever runs it starts another."""


class NodeFailed(Unavailable):
    """A part cannot go on, and a new start is the way out."""


class Reading:
    """`until_cut` ends when the log lost its end; `level` then puts everything that followed it right."""

    def __init__(
        self,
        feed: Feed,
        liveness: Liveness,
        *,
        until_cut: Callable[[], Awaitable[None]],
        level: Callable[[], Awaitable[None]],
    ) -> None:
        self._feed = feed
        self._liveness = liveness
        self._until_cut = until_cut
        self._level = level

    async def run(self) -> None:
        """Read until cancelled. Raises `NodeFailed`, and what the reader raises."""
        restarts, last_position = 0, -1
        while True:
            if await self._read_until_broken():
                await self._level()
                continue
            restarts = restarts + 1 if self._feed.position <= last_position else 1
            last_position = self._feed.position
            if restarts > RESTARTS:
                raise NodeFailed("The reader of the log stands still and a new start did not help.")
            log.warning("reader of the log started anew", extra={"restarts": restarts})

    async def _read_until_broken(self) -> bool:
        """True when the log lost its tail, False when the reader stands still. Raises what the reader raises."""
        reader = asyncio.create_task(self._read(), name="feed")
        stuck = asyncio.create_task(self._liveness.until_stuck(), name="stuck")
        cut = asyncio.ensure_future(self._until_cut())
        watchers = [reader, stuck, cut]
        try:
            done, _ = await asyncio.wait(watchers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.wait(watchers)
        if reader in done and not isinstance(reader.exception(), LostTail):
            reader.result()
        if cut in done:
            cut.result()
        return stuck not in done

    async def _read(self) -> None:
        """Read until the log was cut; while the disk takes nothing, or somebody else holds a file, try again from what is on it."""
        while True:
            try:
                await self._feed.run()
            except (sqlite3.Error, OSError) as error:
                reason = storage_refusal(error)
                if reason is None:
                    raise
                self._liveness.refused(reason)
                await asyncio.sleep(REFUSED_PAUSE)
