"""How workers write down what happened: decided by the same states as commands, appended at the head only."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from commands.aggregates import Aggregates
from commands.decider import Kind
from commands.keys import report_message_id
from commands.loaded import Loaded
from commands.owners import organization_of
from events import codec
from events.commit import Commit, Event
from events.ids import Position, Timestamp
from events.store import AlreadyStored, EventStore, StalePosition, subject_of
from runtime.errors import Conflict
from runtime.logs import current_field
from runtime.metrics import APPEND_RETRIES

S = TypeVar("S")

ATTEMPTS = 8
WORKER = "worker"


class Reports:
    """`now` gives milliseconds since the Unix epoch."""

    def __init__(
        self, store: EventStore, aggregates: Aggregates, now: Callable[[], Timestamp]
    ) -> None:
        self._store = store
        self._aggregates = aggregates
        self._now = now

    async def report(
        self,
        kind: Kind[S],
        aggregate_id: str,
        decide: Callable[[S], Sequence[Event]],
        *,
        report_id: str,
        correlation_id: str = "",
        actor: str = WORKER,
    ) -> tuple[Position, list[Event]]:
        """Decide and append; answers the commit's position and events, or the present position and `[]`.

        A `report_id` is stored once per aggregate: the second call answers the first one's commit,
        so it names one content. Where only one process may act on the answer, it names that process.
        When somebody else appended meanwhile the report is decided again on the newer state. Raises
        what `decide` raises, `Conflict` when the aggregate kept changing, and `Unavailable`.
        """
        subject = subject_of(kind.name, aggregate_id)
        message_id = report_message_id(subject, report_id)
        async with self._aggregates.lock(kind, aggregate_id):
            loaded = await self._aggregates.load(kind, aggregate_id)
            for _ in range(ATTEMPTS):
                if message_id in loaded.keys:
                    return await self._stored(loaded.keys[message_id])
                events = list(decide(loaded.state))
                if not events:
                    fresh = await self._aggregates.confirmed(kind, aggregate_id)
                    if fresh.position == loaded.position:
                        return loaded.position, []
                    loaded = fresh
                    continue
                try:
                    return await self._append(
                        kind, loaded, subject, events, message_id, correlation_id, actor
                    )
                except AlreadyStored as stored:
                    return await self._stored(stored.position)
                except StalePosition:
                    APPEND_RETRIES.labels("stale").inc()
                    loaded = await self._aggregates.load(kind, aggregate_id)
        raise Conflict(f"{aggregate_id} kept changing; report again.")

    async def _append(
        self,
        kind: Kind[S],
        loaded: Loaded[S],
        subject: str,
        events: list[Event],
        message_id: str,
        correlation_id: str,
        actor: str,
    ) -> tuple[Position, list[Event]]:
        commit = Commit(
            at=self._now(),
            actor=actor,
            events=tuple(events),
            organization_id=organization_of(events),
            correlation_id=correlation_id or str(current_field("correlation_id") or ""),
        )
        recorded = await self._aggregates.append(
            kind, subject, loaded, commit, body=codec.encode(commit), message_id=message_id
        )
        return recorded.position, events

    async def _stored(self, position: Position) -> tuple[Position, list[Event]]:
        recorded = await self._store.at(position)
        return position, list(recorded.commit.events) if recorded is not None else []
