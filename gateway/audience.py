"""Streams that get the same bytes: they carry the same topics, hold the same of each, and their readers keep up.

A stream joins when it owes nothing and leaves before anything about it differs, so that a batch of
changes is put together once and then only written, to one transport after the other.
"""

from asyncio import Transport
from collections.abc import Mapping
from typing import Protocol

from gateway.batch import Batch
from gateway.cursor import Stamp
from gateway.frames import Frame, together
from gateway.holding import Holding
from gateway.subscription import Subscription
from projectors.views import Change


class Member(Protocol):
    """A stream, as its audience sees it."""

    def leave_behind(self, topic: str) -> None:
        """Leave the audience, owing a topic."""


class Audience:
    """One `Subscriber` of the hub in the place of all its members.

    `subscriptions` are shared by them; `cover` is the part of the cursor that names their topics.
    `most_bytes` is what one batch may bring each of them.
    """

    __slots__ = ("_batch", "_members", "_most_bytes", "cover", "subscriptions")

    def __init__(
        self, subscriptions: dict[str, Subscription], cover: bytes, *, most_bytes: int
    ) -> None:
        self.subscriptions = subscriptions
        self.cover = cover
        self._most_bytes = most_bytes
        self._members: dict[Member, Transport] = {}
        self._batch = Batch()

    @property
    def streams(self) -> int:
        return len(self._members)

    def fits(self, subscriptions: Mapping[str, Subscription]) -> bool:
        """Whether a stream with these subscriptions, of the same topics, holds what all members hold."""
        return all(
            subscriptions[name].holding == one.holding for name, one in self.subscriptions.items()
        )

    def join(self, member: Member, transport: Transport) -> None:
        self._members[member] = transport

    def leave(self, member: Member) -> None:
        del self._members[member]

    # --- What the hub tells ---

    def offer(
        self, subscription: Subscription, change: Change, frame: Frame, holding: Holding
    ) -> bool:
        if not subscription.follows(change):
            if not subscription.knows(change):
                self._part(subscription)
            return False
        if self._batch.size + frame.size > self._most_bytes:
            self._part(subscription)
            return False
        subscription.holding = holding
        return self._batch.take(frame)

    def flush(self, stamp: Stamp) -> int:
        return self._write(stamp.line(self.cover))

    def replaced(self, subscription: Subscription) -> None:
        self._part(subscription)

    def _part(self, subscription: Subscription) -> None:
        """The members go on each by itself; what was taken so far is written before."""
        members = tuple(self._members)
        self._write(b"")
        for member in members:
            member.leave_behind(subscription.topic.wire)

    def _write(self, identity: bytes) -> int:
        events = self._batch.empty()
        if not events:
            return 0
        data = together(events, identity)
        # A reader who does not take all of it leaves while the others are written to.
        transports = tuple(self._members.values())
        for transport in transports:
            transport.write(data)
        return len(events) * len(transports)
