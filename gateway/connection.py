"""One stream: its topics, what it owes its client, and its whole life in one loop."""

import asyncio
from collections.abc import Mapping, Sequence

from events.ids import Position
from gateway import frames
from gateway.batch import Batch
from gateway.carried import MAX_TOPICS, Carried
from gateway.catching_up import Delivery
from gateway.cursor import Stamp
from gateway.ending import Ended
from gateway.frames import Frame
from gateway.holding import Holding, after
from gateway.outgoing import PIECE, Outgoing
from gateway.source import Source
from gateway.subscription import Mode, Subscription
from gateway.topics import Topic, parse_topic
from gateway.wakeup import Wakeup
from gateway.wire import Wire
from projectors.views import Change
from runtime.errors import Rejected
from runtime.identity import Caller
from runtime.problems import TooManyRequests

MOST_WAITING = 16 * 1024
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
        self._out = Outgoing(wire)
        self._batch = Batch()
        self._revision = 0
        self._ready_owed = True
        self._id_owed = False
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
        if self._out.waiting_bytes > MOST_WAITING:
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
        waiting = self.wire.pending + self._batch.size + frame.size
        if self._out.inside_event or waiting > self._source.max_waiting_bytes:
            self.leave_behind(subscription.topic.wire)
            return False
        subscription.holding = holding
        return self._batch.take(frame)

    def flush(self, stamp: Stamp) -> int:
        taken = self._batch.empty()
        self.wire.send(taken, self._identity(stamp))
        # It may hold by now what its audience holds.
        self.wake()
        return len(taken)

    def replaced(self, subscription: Subscription) -> None:
        if subscription.mode is Mode.LIVE:
            self.leave_behind(subscription.topic.wire)

    def leave_behind(self, topic: str) -> None:
        """Owe a topic."""
        self.carried.owe(topic, keeps_up=not (self._out.inside_event or self.wire.paused))
        self.wake()

    # --- What the node decides ---

    def beat(self, heartbeat: Frame, stamp: Stamp) -> None:
        """A sign of life; not needed while other bytes are on their way."""
        if not self._out.inside_event and not self.wire.paused:
            self._out.send((heartbeat,), self._identity(stamp))

    def refuse(self, topic: Topic, frame: Frame) -> None:
        """Stop carrying a topic and say why: `forbidden` or `gone`."""
        if topic.wire in self.carried.names:
            self.carried.drop(topic.wire)
            self.say(frame)

    def say(self, frame: Frame) -> None:
        """Send an event that concerns the whole stream, as soon as no other event is half sent."""
        self._out.say(frame)
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
                elif self._out.send_waiting():
                    continue
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
                self._out.send((bye,))
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
                if self.wire.paused or not self._out.send_waiting():
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
        if self._ending is not None and not self._out.inside_event:
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
        await self._reach(self._source.held(subscription))
        subscription.record()
        delivery = await self._source.read(subscription)
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
                await self._out.send_as_taken(frame, self._sleep)
        finally:
            if large:
                self._source.budget.give(delivery.frames)
        return True

    def _join(self, subscription: Subscription) -> None:
        """Go live if what was told meanwhile goes on from here; otherwise the topic stays owed."""
        newer = subscription.continuation()
        current = self._source.is_current(subscription)
        if subscription.mode is Mode.DROPPED or newer is None or not current:
            return
        for change in newer:
            self._out.send((frames.change(change),))
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
        self._out.send((ready,), self._identity(self._source.hub.stamp()))

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
