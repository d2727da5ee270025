"""One interest in one topic, and those who are told."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from foundry_client.effects import Status, Why
from foundry_client.happenings import View
from foundry_client.turn import Topic

Listener: TypeAlias = Callable[[View | None, Why], None]
"""Told every change of a view, with why; the view is None when it cannot be had any more."""

SubscriptionState = Literal["loading", "live", "stale", "frozen", "gone", "forbidden", "closed"]
"""`frozen`: read when asked for and not streamed. `stale`: the stream is broken, this was held before."""


class Keeper(Protocol):
    """Whoever holds the topics: the manager."""

    @property
    def state(self) -> Status: ...

    def topic(self, name: str) -> Topic | None: ...

    def release(self, subscription: "Subscription") -> None: ...


class Subscription:
    """Keeps a topic current until it is closed; several of one topic share what is held.

    Raises `ValueError` for a topic that is no text: no request for all that is watched can be made with it.
    """

    def __init__(self, topic: str, listener: Listener | None, keeper: Keeper) -> None:
        if any("\ud800" <= letter <= "\udfff" for letter in topic):
            raise ValueError(f"{topic!r} is no topic: half of a character is missing.")
        self.topic = topic
        self._listener = listener
        self._keeper = keeper
        self._closed = False

    @property
    def view(self) -> View | None:
        """What is held now; None before the first answer, and of what is gone."""
        topic = None if self._closed else self._keeper.topic(self.topic)
        return topic.view if topic else None

    @property
    def state(self) -> SubscriptionState:
        topic = self._keeper.topic(self.topic)
        if self._closed or self._keeper.state == "closed" or topic is None:
            return "closed"
        if topic.refused is not None:
            return topic.refused
        if topic.view is None:
            return "loading"
        if topic.live != "on":
            return "frozen"
        return "live" if self._keeper.state == "live" and topic.gap is None else "stale"

    def close(self) -> None:
        """Let go. The topic stays for the grace, in case somebody asks for it again. Twice is once."""
        if not self._closed:
            self._closed = True
            self._keeper.release(self)

    def tell(self, view: View | None, why: Why) -> None:
        if self._listener is not None and not self._closed:
            self._listener(view, why)
