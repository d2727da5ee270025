"""Hands every change to the streams that carry its topic: synchronously, right after the commit, encoded once."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from events.ids import Position
from gateway import frames
from gateway.cursor import Stamp, epoch_marks
from gateway.frames import Frame
from gateway.holding import Holding, after
from gateway.subscription import Subscription
from projectors.views import Change, Views
from runtime.metrics import FRAMES, TOPICS

log = logging.getLogger(__name__)


class _Cause(Struct):
    command_id: str | None = None


class Subscriber(Protocol):
    """A stream, as the hub sees it. Nothing here may wait."""

    def offer(
        self, subscription: Subscription, change: Change, frame: Frame, holding: Holding
    ) -> bool:
        """Take a change for the batch, or owe it; True for the first one taken in this batch.

        `holding` is what a client has with it: one object for all streams.
        """

    def flush(self, stamp: Stamp) -> int:
        """Write what was taken; the last event may carry the `id:` of the batch. Returns how many events."""

    def replaced(self, subscription: Subscription) -> None:
        """The projection of this topic has another epoch now."""


class Hub:
    def __init__(self, views: Views, *, lag_ms: Callable[[], int]) -> None:
        self._views = views
        self._lag_ms = lag_ms
        self._topics: dict[str, dict[Subscription, Subscriber]] = {}
        self._marks = epoch_marks(views)
        self._endings = (views.listen(self._told), views.on_reset(self._reset))
        self.position = views.position
        """Everything up to here was handed to the streams."""

    def close(self) -> None:
        """Hear nothing more."""
        for end in self._endings:
            end()

    def subscribe(self, subscription: Subscription, subscriber: Subscriber) -> None:
        self._topics.setdefault(subscription.topic.stored, {})[subscription] = subscriber
        TOPICS.labels(subscription.topic.view).inc()

    def unsubscribe(self, subscription: Subscription) -> None:
        subscribers = self._topics[subscription.topic.stored]
        del subscribers[subscription]
        if not subscribers:
            del self._topics[subscription.topic.stored]
        TOPICS.labels(subscription.topic.view).dec()

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
                    for subscription, subscriber in subscribers.items()
                    if subscriber.offer(subscription, change, frame, holding)
                ]
        stamp = self.stamp()
        # Counted once a batch: a counter costs as much as a delivery.
        FRAMES.labels("change").inc(sum(subscriber.flush(stamp) for subscriber in touched))
        if touched and log.isEnabledFor(logging.INFO):
            for change in changes:
                self._log(change)

    def _log(self, change: Change) -> None:
        """The last step of a command's way; what workers caused is too much to log."""
        streams = len(self._topics.get(change.topic, ()))
        command_id = msgspec.json.decode(change.cause, type=_Cause).command_id
        if streams and command_id is not None:
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
        self._marks = epoch_marks(self._views)
        # After a cut of the log it is lower: an old position must not get the new epoch's marks.
        self.position = self._views.position
        for subscribers in self._topics.values():
            for subscription, subscriber in subscribers.items():
                if subscription.topic.projection == projection:
                    subscriber.replaced(subscription)
