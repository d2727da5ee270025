"""Keeps the drafts of one person in one session at one commit a second: what comes faster is held and coalesced."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from events.ids import Timestamp

INTERVAL_MS = 1000
REMEMBERED = 10_000


class DraftPace:
    """`now` gives milliseconds since the Unix epoch. One per process: two nodes may commit one each."""

    def __init__(self, now: Callable[[], Timestamp], *, interval_ms: int = INTERVAL_MS) -> None:
        self._now = now
        self._interval_ms = interval_ms
        self._held: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._committed: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def newest(self, user_id: str, session_id: str) -> bool:
        """Wait until a draft may be committed; False as soon as a later one, or a sent message, replaces it."""
        key = (user_id, session_id)
        self.supersede(user_id, session_id)
        committed = self._committed.get(key)
        if committed is not None:
            wait_ms = min(committed + self._interval_ms - self._now(), self._interval_ms)
            if wait_ms > 0 and await self._superseded(key, wait_ms / 1000):
                return False
        self._committed[key] = self._now()
        self._committed.move_to_end(key)
        while len(self._committed) > REMEMBERED:
            self._committed.popitem(last=False)
        return True

    def supersede(self, user_id: str, session_id: str) -> None:
        """Give up a draft that is held back: it is no longer what the person wants kept."""
        held = self._held.pop((user_id, session_id), None)
        if held is not None and not held.done():
            held.set_result(None)

    async def _superseded(self, key: tuple[str, str], seconds: float) -> bool:
        held = self._held[key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await held
        except TimeoutError:
            return False
        finally:
            if self._held.get(key) is held:
                del self._held[key]
        return True
