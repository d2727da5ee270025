"""Hands every change to the streams that carry its topic: synchronously, right after the commit, encoded once."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from events.ids import Position
from gateway import frames
from gateway.audience import Audience, Member
from gateway.cursor import Stamp, epoch_marks, epochs_of
from gateway.frames import Frame
from gateway.holding import Holding, after
from gateway.subscription import Subscription
from projectors.views import Change, Views
from runtime.metrics import FRAMES

log = logging.getLogger(__name__)


class _Cause(Struct):
    command_id: str | None = None


class Subscriber(Protocol):
    """A stream, or an audience of many, as the hub sees it. Nothing here may wait."""

    @property
    def streams(self) -> int:
        """How many streams this stands for."""

    def offer(
        self, subscription: Subscription, change: Change, frame: Frame, holding: Holding
    ) -> bool:
        """Take a change for the batch, or owe it; True for the first one taken in this batch.

        `holding` is what a client has with it: one object for all streams.
        """

    def flush(self, stamp: Stamp) -> int:
        """Write what was taken; the last event may carry the `id:` of the batch. Returns how many events."""

    def replaced(self, subscription: Subscription) -> None:
        """This topic has another epoch now, or has ended."""


class Hub:
    """Tells each topic's subscribers what a batch of commits changed.

    `most_bytes` is what one batch may bring one reader.
    """

    def __init__(self, views: Views, *, lag_ms: Callable[[], int], most_bytes: int) -> None:
        self._views = views
        self._lag_ms = lag_ms
        self._most_bytes = most_bytes
        self._topics: dict[str, dict[Subscription, Subscriber]] = {}
        self._audiences: dict[frozenset[str], Audience] = {}
        self._epochs = epochs_of(views)
        self._marks = epoch_marks(self._epochs)
        self._endings = (views.listen(self._told), views.on_reset(self._reset))
        self.position = views.position
        """Everything up to here was handed to the streams."""

    def close(self) -> None:
        """Stop listening to the views."""
        for end in self._endings:
            end()

    def subscribe(self, subscription: Subscription, subscriber: Subscriber) -> None:
        self._topics.setdefault(subscription.topic.stored, {})[subscription] = subscriber

    def unsubscribe(self, subscription: Subscription) -> None:
        subscribers = self._topics[subscription.topic.stored]
        del subscribers[subscription]
        if not subscribers:
            del self._topics[subscription.topic.stored]

    def audience(self, subscriptions: Mapping[str, Subscription], cover: bytes) -> Audience:
        """The audience of these topics; where there is none yet, one that holds what these hold."""
        topics = _topics_of(subscriptions)
        audience = self._audiences.get(topics)
        if audience is None:
            shared = {name: one.going_on() for name, one in subscriptions.items()}
            audience = Audience(shared, cover, most_bytes=self._most_bytes)
            self._audiences[topics] = audience
            for subscription in shared.values():
                self.subscribe(subscription, audience)
        return audience

    def leave(self, audience: Audience, member: Member) -> None:
        """One stream goes on by itself; an audience without members ends."""
        audience.leave(member)
        if not audience.streams:
            del self._audiences[_topics_of(audience.subscriptions)]
            for subscription in audience.subscriptions.values():
                self.unsubscribe(subscription)

    def stamp(self) -> Stamp:
        """The `id:` lines of now."""
        return Stamp(self.position, self._marks)

    def heartbeat(self) -> Frame:
        """A sign of life with the state of now."""
        at = time.time_ns() // 1_000_000
        return frames.heartbeat(at=at, position=self.position, lag_ms=self._lag_ms())

    def _told(self, changes: Sequence[Change], position: Position) -> None:
        self.position = position
        touched: list[Subscriber] = []
        for change in changes:
            subscribers = self._topics.get(change.topic)
            if subscribers:
                frame, holding = frames.change(change), after(change)
                touched += [
                    subscriber
                    # Whoever leaves an audience meanwhile becomes a subscriber and knows this change.
                    for subscription, subscriber in tuple(subscribers.items())
                    if subscriber.offer(subscription, change, frame, holding)
                ]
        stamp = self.stamp()
        # Counted once a batch: a counter costs as much as a delivery.
        FRAMES.labels("change").inc(sum(subscriber.flush(stamp) for subscriber in touched))
        for change in changes:
            if change.ended:
                self._replaced(change.topic)
        if touched and log.isEnabledFor(logging.INFO):
            for change in changes:
                self._log(change)

    def _log(self, change: Change) -> None:
        """Log the last step of a command's way; what workers caused would be too much."""
        streams = sum(one.streams for one in self._topics.get(change.topic, {}).values())
        if not streams:
            return
        command_id = msgspec.json.decode(change.cause, type=_Cause).command_id
        if command_id is not None:
            log.info(
                "change sent",
                extra={
                    "topic": change.topic,
                    "position": change.version,
                    "command_id": command_id,
                    "streams": streams,
                },
            )

    def _reset(self, projection: str) -> None:
        # Of this one alone: what streams hold of another that changes too is of its old epoch until they are told.
        self._epochs[projection] = self._views.epoch(projection)
        self._marks = epoch_marks(self._epochs)
        # After a cut of the log it is lower: an old position must not get the new epoch's marks.
        self.position = self._views.position
        for topic, subscribers in tuple(self._topics.items()):
            if any(one.topic.projection == projection for one in subscribers):
                self._replaced(topic)

    def _replaced(self, topic: str) -> None:
        for subscription, subscriber in tuple(self._topics.get(topic, {}).items()):
            subscriber.replaced(subscription)


def _topics_of(subscriptions: Mapping[str, Subscription]) -> frozenset[str]:
    return frozenset(one.topic.stored for one in subscriptions.values())
