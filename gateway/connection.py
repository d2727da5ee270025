"""One stream: its topics, what it owes its client, and its whole life in one loop."""

import asyncio
from collections.abc import Mapping, Sequence

from events.ids import Position
from gateway import frames
from gateway.carried import Carried
from gateway.catching_up import Delivery
from gateway.cursor import Stamp
from gateway.ending import Ended
from gateway.frames import Frame
from gateway.holding import Holding, after
from gateway.source import Source
from gateway.subscription import Mode, Subscription
from gateway.topics import Topic, parse_topic
from gateway.wakeup import Wakeup
from gateway.wire import Wire
from projectors.views import Change
from runtime.errors import Rejected
from runtime.identity import Caller
from runtime.metrics import FRAMES
from runtime.problems import TooManyRequests

PIECE = 32 * 1024
"""An event larger than this is written piece by piece, as the reader takes it."""

MAX_TOPICS = 1000

MOST_CONTROL = 16 * 1024
"""How many bytes of events about the whole stream may wait for its reader before it may ask for more of them."""


class Connection:
    """One open stream: what its client asked for, holds, and has still to be sent.

    A `Subscriber` of the hub while it is in no audience. Everything that waits happens in `run`; all other methods return at once.
    """

    streams = 1

    def __init__(self, sid: str, caller: Caller, wire: Wire, source: Source) -> None:
        self.sid = sid
        self.caller = caller
        self.wire = wire
        self._source = source
        self.carried = Carried(source.hub, self)
        self._control: list[Frame] = []
        self._taken: list[Frame] = []
        self._taken_bytes = 0
        self._revision = 0
        self._ready_owed = True
        self._id_owed = False
        self._inside_event = False
        self._ending: Ended | None = None
        self._wakeup = Wakeup()

    # --- What the client asks for ---

    def open(self, topics: Mapping[Topic | str, Holding | None]) -> None:
        """Carry these from the start; text that is no topic is answered with `forbidden`."""
        for topic, holding in topics.items():
            self._add(topic, holding)

    def interest(
        self, revision: int, add: Mapping[str, Holding | None], remove: Sequence[str]
    ) -> int:
        """Carry other topics from now on; an older revision changes nothing. Returns the revision in force.

        Raises `TooManyRequests` while the reader has not taken what earlier ones had it told.
        """
        if revision <= self._revision:
            return self._revision
        if sum(frame.size for frame in self._control) > MOST_CONTROL:
            raise TooManyRequests("Read what your stream says, then send this again.")
        if len({*self.carried.names} - {*remove} | add.keys()) > MAX_TOPICS:
            raise Rejected(
                f"A stream carries {MAX_TOPICS} topics at most; remove some.",
                code="too_many_topics",
            )
        for wire in remove:
            self.carried.drop(wire)
        for wire, holding in add.items():
            self._add(parse_topic(wire, self.caller.user_id) or wire, holding)
        self._revision = revision
        self._ready_owed = True
        self.wake()
        return revision

    # --- What the hub tells ---

    def offer(
        self, subscription: Subscription, change: Change, frame: Frame, holding: Holding
    ) -> bool:
        if subscription.mode is not Mode.LIVE:
            subscription.keep(change)
            self.wake()
            return False
        if not subscription.follows(change):
            if not subscription.knows(change):
                self.leave_behind(subscription.topic.wire)
            return False
        waiting = self.wire.pending + self._taken_bytes + frame.size
        if self._inside_event or waiting > self._source.max_waiting_bytes:
            self.leave_behind(subscription.topic.wire)
            return False
        subscription.holding = holding
        self._taken.append(frame)
        self._taken_bytes += frame.size
        return len(self._taken) == 1

    def flush(self, stamp: Stamp) -> int:
        taken, self._taken, self._taken_bytes = self._taken, [], 0
        self.wire.send(taken, self._identity(stamp))
        # It may hold by now what its audience holds.
        self.wake()
        return len(taken)

    def replaced(self, subscription: Subscription) -> None:
        if subscription.mode is Mode.LIVE:
            self.leave_behind(subscription.topic.wire)

    def leave_behind(self, topic: str) -> None:
        """Owe a topic."""
        self.carried.owe(topic, keeps_up=not (self._inside_event or self.wire.paused))
        self.wake()

    # --- What the node decides ---

    def beat(self, heartbeat: Frame, stamp: Stamp) -> None:
        """A sign of life; not needed while other bytes are on their way."""
        if not self._inside_event and not self.wire.paused:
            self._send((heartbeat,), stamp)

    def refuse(self, topic: Topic, frame: Frame) -> None:
        """Stop carrying a topic and say why: `forbidden` or `gone`."""
        if topic.wire in self.carried.names:
            self.carried.drop(topic.wire)
            self.say(frame)

    def say(self, frame: Frame) -> None:
        """Send an event that concerns the whole stream, as soon as no other event is half sent."""
        self._control.append(frame)
        self.wake()

    def leave(self, ending: Ended) -> None:
        """End the stream: after the event that is being sent, with a `bye`; the first reason counts."""
        self._ending = self._ending or ending
        self.wake()

    def give_up(self) -> None:
        """End the stream now: its reader takes no bytes."""
        self._ending = Ended("stalled")
        self.wire.abort()

    # --- What the wire tells ---

    def wake(self) -> None:
        self._wakeup.set()

    def busy(self) -> None:
        self.carried.part()

    # --- The life of the stream ---

    async def run(self, *, not_before: Position) -> Ended:
        """Serve the client until it leaves or has to; returns why, after the `bye` was written.

        Nothing older than `not_before` is told, nor an `id:` of before it.
        """
        try:
            await self._reach(not_before)
            while True:
                self._check_ending()
                if self.wire.paused:
                    await self._wakeup.wait()
                elif self._control:
                    self._send((self._control.pop(0),), None)
                elif self.carried.owes:
                    await self._bring_up(self.carried.next_owed())
                elif self._ready_owed:
                    self._say_ready()
                elif self._id_owed:
                    self._id_owed = False
                    self.beat(self._source.hub.heartbeat(), self._source.hub.stamp())
                else:
                    if (transport := self.wire.free) is not None:
                        self.carried.join(transport)
                    await self._wakeup.wait()
        except Ended as ended:
            if ended.detail:
                bye = frames.bye(code=ended.code, detail=ended.detail, retry=ended.retry)
                self._send((bye,), None)
            return ended
        finally:
            for topic in tuple(self.carried.names):
                self.carried.drop(topic)

    async def _reach(self, position: Position) -> None:
        """Wait until the rows have all up to a position, unless the stream ends before. Raises `Ended`.

        What concerns the whole stream is said meanwhile.
        """
        if position <= self._source.hub.position:
            return
        reaching = asyncio.create_task(self._until_reached(position), name="cursor")
        try:
            while not reaching.done():
                if self._control and not self.wire.paused:
                    self._send((self._control.pop(0),), None)
                else:
                    await self._sleep()
        finally:
            reaching.cancel()

    async def _until_reached(self, position: Position) -> None:
        try:
            await self._source.reached(position)
        except Ended as ended:
            self.leave(ended)
        self.wake()

    def _check_ending(self) -> None:
        if self.wire.lost:
            raise self._ending if self._ending and not self._ending.detail else Ended("closed")
        if self._ending is not None and not self._inside_event:
            raise self._ending

    async def _sleep(self) -> None:
        await self._wakeup.wait()
        self._check_ending()

    async def _bring_up(self, subscription: Subscription) -> None:
        """One turn: the topic is live after it, or refused, or nearer."""
        if not subscription.permitted:
            if not await self._source.sees(self.caller, subscription.topic):
                self.refuse(subscription.topic, frames.forbidden(subscription.topic.wire))
            subscription.permitted = True
            return
        await self._reach(self._source.held(subscription.topic, subscription.holding))
        subscription.record()
        delivery = await self._source.read(
            subscription.topic,
            subscription.holding,
            was_live=subscription.mode is Mode.BEHIND,
            keeps_up=subscription.keeps_up,
        )
        if subscription.mode is Mode.DROPPED:
            return
        if delivery is None:
            await self._miss(subscription)
        elif await self._deliver(delivery):
            subscription.holding = delivery.holding
            subscription.keeps_up = False
            self._join(subscription)

    async def _miss(self, subscription: Subscription) -> None:
        """The write side knows the topic and the rows do not: it has ended, or its first commit is on its way."""
        if subscription.mode is Mode.BEHIND:
            self.refuse(subscription.topic, frames.gone(subscription.topic.wire))
        elif not subscription.expected:
            self.refuse(subscription.topic, frames.forbidden(subscription.topic.wire))
        else:
            known = [one for one in self.carried if one.permitted]
            await self._reach(await self._source.newest())
            for one in known:
                one.expected = False

    async def _deliver(self, delivery: Delivery) -> bool:
        """Send it as the reader takes it; False when too much is being sent to others, so it has to be read again."""
        large = frames.total(delivery.frames) > PIECE
        if large and not self._source.budget.take(delivery.frames):
            await self._source.room_for_more()
            return False
        try:
            for frame in delivery.frames:
                while self.wire.paused:
                    await self._sleep()
                await self._send_in_pieces(frame)
        finally:
            if large:
                self._source.budget.give(delivery.frames)
        return True

    async def _send_in_pieces(self, frame: Frame) -> None:
        if frame.size <= PIECE:
            self._send((frame,), None)
            return
        FRAMES.labels(frame.event).inc()
        self._inside_event = True
        for piece in frame.pieces(PIECE):
            while self.wire.paused:
                await self._sleep()
            self.wire.write(piece)
        self._inside_event = False

    def _join(self, subscription: Subscription) -> None:
        """Go live if what was told meanwhile goes on from here; otherwise the topic stays owed."""
        holding = subscription.holding
        newer = subscription.continuation()
        if (
            subscription.mode is Mode.DROPPED
            or holding is None
            or newer is None
            or not self._source.is_current(subscription.topic, holding)
        ):
            return
        for change in newer:
            self._send((frames.change(change),), None)
            subscription.holding = after(change)
        if newer and newer[-1].ended:
            subscription.mode = Mode.BEHIND
            return
        self._id_owed = True
        self.carried.settle(subscription)

    def _say_ready(self) -> None:
        self._ready_owed = False
        self._id_owed = False
        topics = {one.topic.wire: one.etag() for one in self.carried.live}
        ready = frames.ready(revision=self._revision, topics=topics)
        self._send((ready,), self._source.hub.stamp())

    # --- Small steps ---

    def _send(self, events: Sequence[Frame], stamp: Stamp | None) -> None:
        self.wire.send(events, b"" if stamp is None else self._identity(stamp))
        for event in events:
            FRAMES.labels(event.event).inc()

    def _identity(self, stamp: Stamp) -> bytes:
        """The `id:` line; none while the stream owes anything."""
        if self.carried.owes or self._ready_owed:
            return b""
        return stamp.line(self.carried.cover)

    def _add(self, topic: Topic | str, holding: Holding | None) -> None:
        if isinstance(topic, Topic):
            self.carried.add(topic, holding)
        else:
            self.say(frames.forbidden(topic))
