"""One timer wheel for all streams: signs of life, readers that stand still, and callers that lost their rights."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable

from gateway import frames
from gateway.connection import Connection
from gateway.ending import Ended
from gateway.permission import Permission
from gateway.source import Source
from gateway.subscription import Mode
from gateway.topics import Topic
from runtime.errors import FoundryError, Unavailable
from runtime.metrics import STREAM_PENDING_BYTES

log = logging.getLogger(__name__)

SLOTS = 100
"""A round visits this many groups of streams in turn: of ten thousand a hundred at a time, so that nobody waits long."""

LOOKS = 10
"""The number of visits from one look to the next whether a stream's reader stands still."""

PUNCTUALITY = 0.8
"""Streams are told to expect a heartbeat within a time, and get it after this share of that time."""

CHECK_SECONDS = 5.0
FAILURES_A_ROUND = 3
"""After this many failures nobody else is asked about in this round: whoever decides cannot be reached."""

UNCHECKED_ROUNDS = 4
"""A stream ends when its caller could not be checked for this many rounds: nobody knows whether it may go on."""


class _Watched:
    """What the wheel remembers of one stream between its visits."""

    __slots__ = ("checked_at", "still_since", "taken")

    def __init__(self, now: float) -> None:
        self.checked_at = now
        self.still_since = now
        self.taken = 0


class _Round:
    """One visit's answers, each asked for once however many streams need it."""

    def __init__(self, source: Source) -> None:
        self.permission = Permission(source.access)
        self._views = source.views
        self._ended: dict[str, bool] = {}

    async def has_ended(self, topic: Topic) -> bool:
        if topic.stored not in self._ended:
            try:
                version = await self._views.version(topic.stored)
                self._ended[topic.stored] = version is None
            except Unavailable:
                # Its projection is being rebuilt: what the stream has sent stays right.
                self._ended[topic.stored] = False
        return self._ended[topic.stored]


class Heartbeats:
    """A stream gets a sign of life within `period` seconds; one whose reader takes nothing for `stall` seconds is given up."""

    def __init__(self, source: Source, *, period: float, stall: float) -> None:
        self._source = source
        self._period = period * PUNCTUALITY
        self._stall = stall
        self._slots: list[dict[Connection, _Watched]] = [{} for _ in range(SLOTS)]
        # The last one: whoever comes before the first visit has just been greeted.
        self._place = SLOTS - 1
        STREAM_PENDING_BYTES.set_function(self._waiting_bytes)

    def add(self, connection: Connection) -> None:
        self._slots[self._place][connection] = _Watched(time.monotonic())

    def remove(self, connection: Connection) -> None:
        for slot in self._slots:
            slot.pop(connection, None)

    async def run(self) -> None:
        """Turn until cancelled. Checks may be slow; heartbeats do not wait for them."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._turn(self._beat), name="stream heartbeats")
            tasks.create_task(self._turn(self._check), name="stream authorization")

    async def _turn(self, visit: Callable[[int], Awaitable[None]]) -> None:
        tick = self._period / SLOTS
        due = time.monotonic()
        for place in itertools.cycle(range(SLOTS)):
            due = max(due + tick, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            await visit(place)

    # --- Signs of life ---

    async def _beat(self, place: int) -> None:
        self._place = place
        heartbeat, stamp = self._source.hub.heartbeat(), self._source.hub.stamp()
        for connection in self._slots[place]:
            connection.beat(heartbeat, stamp)
        self._find_stalled(place % LOOKS)

    def _find_stalled(self, first: int) -> None:
        now = time.monotonic()
        for slot in self._slots[first::LOOKS]:
            for connection, watched in slot.items():
                pending = connection.wire.pending
                taken = connection.wire.taken if pending else watched.taken
                if not pending or taken != watched.taken:
                    watched.taken = taken
                    watched.still_since = now
                elif now - watched.still_since >= self._stall:
                    connection.give_up()

    def _waiting_bytes(self) -> int:
        return sum(connection.wire.pending for slot in self._slots for connection in slot)

    # --- Rights ---

    async def _check(self, place: int) -> None:
        round_ = _Round(self._source)
        now = time.monotonic()
        failures = 0
        for connection, watched in list(self._slots[place].items()):
            if failures < FAILURES_A_ROUND:
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        await self._check_one(connection, round_)
                    watched.checked_at = now
                except (FoundryError, TimeoutError):
                    failures += 1
            if now - watched.checked_at > UNCHECKED_ROUNDS * self._period:
                connection.leave(Ended("unavailable", "Your rights could not be checked."))
        if failures:
            log.warning("streams could not be checked", extra={"failures": failures})

    async def _check_one(self, connection: Connection, round_: _Round) -> None:
        if not await round_.permission.is_valid(connection.caller):
            connection.leave(
                Ended("unauthenticated", "Sign in again and open a new stream.", retry=False)
            )
            return
        for subscription in connection.carried:
            if not subscription.permitted:
                continue
            topic = subscription.topic
            sees = await round_.permission.sees(connection.caller, topic)
            if subscription.mode is Mode.JOINING:
                # It was permitted, but its turn may come long after: a slow reader is busy with another.
                if not sees:
                    connection.refuse(topic, frames.forbidden(topic.wire))
            # What was live here ends the same for whoever is shut out and for everybody: nothing is told about it.
            elif not sees or await round_.has_ended(topic):
                connection.refuse(topic, frames.gone(topic.wire))
