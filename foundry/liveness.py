"""Does this node keep up with the log? Looks without writing anything, and restarts a reader that stands still."""

import asyncio
import logging
import time

from events.feed import Feed
from events.ids import BEGINNING, Position
from events.store import EventStore
from runtime.errors import Unavailable
from runtime.metrics import PROJECTION_LAG_SECONDS

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
STUCK_SECONDS = 30.0


class Liveness:
    """Compares the log's head with what the feed has dispatched. `look` and `stuck` are seconds."""

    def __init__(
        self,
        store: EventStore,
        feed: Feed,
        *,
        look: float = LOOK_SECONDS,
        stuck: float = STUCK_SECONDS,
    ) -> None:
        self._look_seconds = look
        self._stuck_seconds = stuck
        self._store = store
        self._feed = feed
        self._head = BEGINNING
        self._seen = BEGINNING
        self._behind_since: float | None = None
        self._target: Position | None = None
        self._stuck = asyncio.Event()

    async def start(self) -> None:
        """Note where the log ends now: the node is ready once it has come so far."""
        self._target = self._head = await self._store.head()

    @property
    def started(self) -> bool:
        """Whether everything that was in the log at the start has been applied."""
        return self._target is not None and self._feed.position >= self._target

    @property
    def stuck(self) -> bool:
        return self._stuck.is_set()

    def lag_ms(self) -> int:
        """For how long the node has been behind the log without moving; 0 when it keeps up."""
        if self._behind_since is None or self._feed.position >= self._head:
            return 0
        return round((time.monotonic() - self._behind_since) * 1000)

    async def watch(self) -> None:
        """Look every so often, until cancelled."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                self._head = await self._store.head()
            except Unavailable:
                # Not to be told from a reader that stands still, and shown as "disconnected".
                self._behind_since = None
                continue
            self._look(time.monotonic())

    async def until_stuck(self) -> None:
        """Return when the feed has been behind for long without moving."""
        self._stuck.clear()
        self._behind_since = None
        await self._stuck.wait()

    def _look(self, now: float) -> None:
        position = self._feed.position
        if position >= self._head:
            self._behind_since = None
        elif position != self._seen or self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since > self._stuck_seconds:
            log.error(
                "the reader of the log stands still",
                extra={"position": position, "head": self._head},
            )
            self._stuck.set()
        self._seen = position
        PROJECTION_LAG_SECONDS.set(self.lag_ms() / 1000)
