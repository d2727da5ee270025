"""Does this node keep up with the log? Looks without writing anything, and restarts a reader that stands still."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

from events.feed import Feed
from events.ids import BEGINNING, Position
from events.store import EventStore
from runtime.errors import Unavailable
from runtime.metrics import PROJECTION_LAG_SECONDS

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
STUCK_SECONDS = 30.0
SILENT_SECONDS = 10.0
"""A log that has not answered for this long is out of reach: an election takes less."""
MOST_LOOKS = 1800
"""So far back a lag is known: an hour."""


class Liveness:
    """Compares the log's head with what the feed has dispatched. `look`, `stuck` and `silent` are seconds."""

    def __init__(
        self,
        store: EventStore,
        feed: Feed,
        *,
        look: float = LOOK_SECONDS,
        stuck: float = STUCK_SECONDS,
        silent: float = SILENT_SECONDS,
    ) -> None:
        self._look_seconds = look
        self._stuck_seconds = stuck
        self._silent_seconds = silent
        self._store = store
        self._feed = feed
        self._head = BEGINNING
        self._seen = BEGINNING
        self._standing_since: float | None = None
        self._unreached: deque[tuple[float, Position]] = deque(maxlen=MOST_LOOKS)
        """When the log was seen to reach how far, where the feed is not there yet; the oldest first."""
        self._target: Position | None = None
        self._stuck = asyncio.Event()
        self._heard = time.monotonic()
        self._silence: str | None = None
        self._refusal: tuple[Position, str] | None = None
        self._refused = float("-inf")
        # Asked for when somebody looks: between two looks a log may be silent for long.
        PROJECTION_LAG_SECONDS.set_function(lambda: self.lag_ms() / 1000)

    async def start(self) -> None:
        """Note where the log ends now: the node is ready once it has come so far."""
        self._target = self._head = await self._store.head()
        self._heard = time.monotonic()
        # After a cut there are heads among them that will never be reached.
        self._unreached.clear()

    @property
    def started(self) -> bool:
        """Whether everything that was in the log at the start has been applied."""
        return self._target is not None and self._feed.position >= self._target

    @property
    def stuck(self) -> bool:
        return self._stuck.is_set()

    @property
    def refusal(self) -> str | None:
        """Why the last commit that was read could not be written down here, until a later one was."""
        if self._refusal is None or self._feed.position > self._refusal[0]:
            return None
        return self._refusal[1]

    def refused(self, reason: str) -> None:
        """A follower of the log could not write: the reader stands still, and a new one would too."""
        if self.refusal != reason:
            log.error("nothing can be written down here, waiting", extra={"reason": reason})
        self._refusal = (self._feed.position, reason)
        self._refused = time.monotonic()

    def reasons_not_ready(self) -> Sequence[str]:
        """Each a sentence; empty when the node keeps up with the log."""
        reasons = []
        if self._silence is not None and self._unheard > self._silent_seconds:
            reasons.append(f"disconnected: the log does not answer ({self._silence})")
        if self.refusal is not None:
            reasons.append(f"stuck: nothing can be written down here ({self.refusal})")
        elif self.stuck:
            reasons.append("stuck: the reader of the log stands still")
        if not self.started:
            reasons.append(f"starting: at position {self._feed.position} of the log")
        return reasons

    def lag_ms(self) -> int:
        """How old the state of the log is that this node has, as far as its looks tell, or its last word of it; 0 when it keeps up.

        A node that moves and is too slow for the log gets older and older. One that has not yet reached what was there at
        its start is starting, which is said elsewhere: a rollout that builds views anew is no lag.
        """
        if self._silence is not None:
            return round(self._unheard * 1000)
        position = self._feed.position
        since = next((at for at, head in self._unreached if head > position), None)
        return 0 if since is None else round((time.monotonic() - since) * 1000)

    async def watch(self) -> None:
        """Look every `look` seconds, until cancelled."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                self._head = await self._store.head()
            except Unavailable as error:
                # Not to be told from a reader that stands still, and shown as "disconnected".
                self._standing_since = None
                self._silence = error.detail
            else:
                self._silence, self._heard = None, time.monotonic()
                self._look(self._heard)

    async def until_stuck(self) -> None:
        """Return once the feed has been behind for `stuck` seconds without moving."""
        self._stuck.clear()
        self._standing_since = None
        await self._stuck.wait()

    def _look(self, now: float) -> None:
        position = self._feed.position
        while self._unreached and self._unreached[0][1] <= position:
            self._unreached.popleft()
        newest = self._unreached[-1][1] if self._unreached else BEGINNING
        if self.started and self._head > max(position, newest):
            self._unreached.append((now, self._head))
        if position >= self._head:
            self._standing_since = None
        elif position != self._seen or self._standing_since is None:
            self._standing_since = now
        elif now - max(self._standing_since, self._refused) > self._stuck_seconds:
            log.error(
                "the reader of the log stands still",
                extra={"position": position, "head": self._head},
            )
            self._stuck.set()
        self._seen = position

    @property
    def _unheard(self) -> float:
        return time.monotonic() - self._heard
