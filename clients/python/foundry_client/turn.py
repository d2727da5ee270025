"""One step in the making: the state so far, and what is to be done. States are replaced, never changed."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from foundry_client.effects import Effect, Enter, Status
from foundry_client.happenings import Live, View

INTEREST_MS = 10
OPENING_MS = 15_000
STEADY_MS = 5_000
"""A stream that was ready for this long was a good one: the next failure is a first failure again."""
BACKOFF_MS = 500
LONGEST_BACKOFF_MS = 30_000
SLOW_MS = 30_000
"""The wait after an answer that will not change by itself."""
WAKE_MS = 5_000
GAP_MEMORY_MS = 60_000
"""A topic that had no gap for this long starts anew."""
STALE_AFTER = 1.5
LOST_AFTER = 2.5
MOST_TOPICS = 250
"""At most this many topics in one request, which stays far below the 512 KB that the server takes."""

Refusal = Literal["gone", "forbidden"]
Place = Literal["current", "next"]


class Again(Struct, frozen=True):
    """A read that failed and is to be made again."""

    at_least: int | None
    cause: str


class Topic(Struct, frozen=True, kw_only=True):
    """What is known of one topic.

    `gap` says that it has to be sent anew: `due` with the next request, `waiting` for its turn because it happened
    before, `asked`.
    """

    listeners: int = 0
    live: Live = "on"
    view: View | None = None
    refused: Refusal | None = None
    gap: Literal["due", "waiting", "asked"] | None = None
    gaps: int = 0
    gap_at: int = 0
    again: Again | None = None
    failures: int = 0


class Asking(Struct, frozen=True):
    """An interest request on its way."""

    revision: int
    add: list[str]
    remove: list[str]


class Connection(Struct, frozen=True, kw_only=True):
    """One stream. `carried` is what the server was asked to carry."""

    id: int
    sid: str | None
    heartbeat_ms: int
    heard_at: int
    ready_at: int | None
    carried: Mapping[str, Literal[True]]
    revision: int
    asking: Asking | None
    failures: int
    draining: bool


class Counters(Struct, frozen=True, kw_only=True):
    connections_created: int = 0
    connections_disposed: int = 0
    reconnect_attempts: int = 0
    refreshes: Mapping[str, int] = {}
    gaps: int = 0
    drains: int = 0


class Options(Struct, frozen=True):
    grace_ms: int = 30_000


class State(Struct, frozen=True, kw_only=True):
    """`current` is the stream in use, or being opened; `next` the one to take its place after a `drain`."""

    options: Options = Options()
    status: Status = "idle"
    topics: Mapping[str, Topic] = {}
    current: Connection | None = None
    next: Connection | None = None
    last_connection: int = 0
    cursor: str | None = None
    flushing: bool = False
    attempt: int = 0
    retry_ms: int = 0
    not_before: int = 0
    woken_at: int | None = None
    counters: Counters = Counters()


Counter = Literal[
    "connections_created", "connections_disposed", "reconnect_attempts", "gaps", "drains"
]


def jitter(random: float, attempt: int) -> int:
    """Full jitter: anything from nothing to twice as much as the time before. `attempt` begins with 0."""
    return _rounded(random * min(LONGEST_BACKOFF_MS, BACKOFF_MS * 2 ** min(attempt, 30)))


class Turn:
    def __init__(self, state: State, *, at: int, random: float) -> None:
        self.state = state
        self.at = at
        self.random = random
        self.effects: list[Effect] = []

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def set(self, **patch: Any) -> None:
        self.state = msgspec.structs.replace(self.state, **patch)

    def topic(self, name: str) -> Topic | None:
        return self.state.topics.get(name)

    def set_topic(self, name: str, **patch: Any) -> None:
        topic = msgspec.structs.replace(self.topic(name) or Topic(), **patch)
        self.set(topics={**self.state.topics, name: topic})

    def drop_topic(self, name: str) -> None:
        self.set(topics={key: one for key, one in self.state.topics.items() if key != name})

    def place_of(self, connection: int) -> Place | None:
        """Which place a connection has; None for one that was left."""
        if self.state.current is not None and self.state.current.id == connection:
            return "current"
        is_next = self.state.next is not None and self.state.next.id == connection
        return "next" if is_next else None

    def at_place(self, place: Place) -> Connection | None:
        return self.state.current if place == "current" else self.state.next

    def connection(self, place: Place) -> Connection:
        """What is known of the stream at a place that has one."""
        connection = self.at_place(place)
        assert connection is not None
        return connection

    def set_connection(self, place: Place, **patch: Any) -> None:
        self.set(**{place: msgspec.structs.replace(self.connection(place), **patch)})

    def enter(self, status: Status) -> None:
        if self.state.status != status:
            self.set(status=status)
            self.do(Enter(state=status))

    def count(self, counter: Counter) -> None:
        counters = self.state.counters
        grown = {counter: getattr(counters, counter) + 1}
        self.set(counters=msgspec.structs.replace(counters, **grown))

    def count_refresh(self, cause: str) -> None:
        refreshes = self.state.counters.refreshes
        grown = {**refreshes, cause: refreshes.get(cause, 0) + 1}
        self.set(counters=msgspec.structs.replace(self.state.counters, refreshes=grown))


def _rounded(number: float) -> int:
    """As JavaScript rounds: half a millisecond goes up."""
    return int(number + 0.5)
