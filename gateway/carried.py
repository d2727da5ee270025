"""The topics one stream carries, and which of them it owes its client."""

from asyncio import Transport
from collections.abc import Collection, Iterator
from typing import Protocol

from gateway.audience import Audience, Member
from gateway.cursor import cover_of
from gateway.holding import Holding
from gateway.hub import Hub, Subscriber
from gateway.subscription import Mode, Subscription
from gateway.topics import Topic
from runtime.metrics import TOPICS

MAX_TOPICS = 1000
"""A stream carries no more."""


class Stream(Subscriber, Member, Protocol):
    """The stream that carries these topics."""


class Carried:
    """The topics of one stream. In an audience the subscriptions are shared, so the stream leaves before it changes one."""

    __slots__ = ("_audience", "_cover", "_hub", "_owed", "_stream", "_subscriptions")

    def __init__(self, hub: Hub, stream: Stream) -> None:
        self._hub = hub
        self._stream = stream
        self._subscriptions: dict[str, Subscription] = {}
        self._owed: dict[Subscription, None] = {}
        self._cover: bytes | None = None
        self._audience: Audience | None = None

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._subscriptions.values()))

    @property
    def names(self) -> Collection[str]:
        """The topics as clients call them."""
        return self._subscriptions.keys()

    @property
    def live(self) -> list[Subscription]:
        """The topics of which the client has a state, though it may be behind."""
        return [one for one in self if one.mode in (Mode.LIVE, Mode.BEHIND)]

    @property
    def owes(self) -> bool:
        """Whether the client has not been brought up to date on some topic."""
        return bool(self._owed)

    @property
    def cover(self) -> bytes:
        """The part of the cursor that names them."""
        if self._cover is None:
            self._cover = cover_of(one.topic for one in self._subscriptions.values())
        return self._cover

    def add(self, topic: Topic, holding: Holding | None) -> None:
        """Carry a topic, from what the client holds of it; one that is carried already starts again from there."""
        self.drop(topic.wire)
        subscription = Subscription(topic, holding)
        self._subscriptions[topic.wire] = subscription
        self._owed[subscription] = None
        self._cover = None
        self._hub.subscribe(subscription, self._stream)
        TOPICS.labels(topic.view).inc()

    def drop(self, name: str) -> None:
        """Carry a topic no more, if it was."""
        self.part()
        subscription = self._subscriptions.pop(name, None)
        if subscription is not None:
            subscription.mode = Mode.DROPPED
            self._owed.pop(subscription, None)
            self._cover = None
            self._hub.unsubscribe(subscription)
            TOPICS.labels(subscription.topic.view).dec()

    def next_owed(self) -> Subscription:
        """The topic that has waited longest for its turn; it goes to the end of the queue."""
        subscription = next(iter(self._owed))
        self._owed[subscription] = self._owed.pop(subscription)
        return subscription

    def owe(self, name: str, *, keeps_up: bool) -> None:
        """A live topic changed and the client was not sent that, though its reader may keep up."""
        self.part()
        subscription = self._subscriptions[name]
        subscription.mode = Mode.BEHIND
        subscription.keeps_up = keeps_up
        self._owed[subscription] = None

    def settle(self, subscription: Subscription) -> None:
        """The client is up to date on this topic."""
        subscription.mode = Mode.LIVE
        del self._owed[subscription]

    # --- Together with others ---

    def join(self, transport: Transport) -> None:
        """Join the streams that carry and hold the same, unless this one holds something newer or older.

        Only for a stream that owes nothing and whose transport keeps nothing back.
        """
        if self._audience is not None:
            return
        audience = self._hub.audience(self._subscriptions, self.cover)
        if audience.fits(self._subscriptions):
            for subscription in self:
                self._hub.unsubscribe(subscription)
            self._subscriptions, self._cover = audience.subscriptions, audience.cover
            # A dictionary keeps the room it once needed.
            self._owed = {}
            self._audience = audience
            audience.join(self._stream, transport)

    def part(self) -> None:
        """Leave the audience, if it is in one."""
        audience, self._audience = self._audience, None
        if audience is not None:
            self._subscriptions = {
                name: one.going_on() for name, one in audience.subscriptions.items()
            }
            for subscription in self:
                self._hub.subscribe(subscription, self._stream)
            self._hub.leave(audience, self._stream)
