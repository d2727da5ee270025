"""Reports of work that was really done: they wait for the event store, however long it stays away."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from commands.decider import Kind
from commands.reports import Reports
from events.commit import Event
from events.ids import Position
from runtime.errors import Conflict, Unavailable

log = logging.getLogger(__name__)

S = TypeVar("S")


class SteadyReports:
    """`Reports` that ends only by an answer of the store, a refusal, a history that cannot be read, or cancellation."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def report(
        self,
        kind: Kind[S],
        aggregate_id: str,
        decide: Callable[[S], Sequence[Event]],
        *,
        report_id: str,
        correlation_id: str = "",
    ) -> tuple[Position, Sequence[Event]]:
        """The position reached and the events stored. Raises what `decide` raises.

        `Unavailable` (`unreadable`) when the history holds something this version cannot read: that
        ends with another version or with somebody's decision, and nobody else is to wait for it.
        """
        while True:
            try:
                return await self._reports.report(
                    kind, aggregate_id, decide, report_id=report_id, correlation_id=correlation_id
                )
            except (Unavailable, Conflict) as error:
                if error.code == "unreadable":
                    raise
                # The same report id is sent again, so a first try that did get through counts once.
                log.warning(
                    "report waits for the event store",
                    extra={"aggregate": aggregate_id, "reason": error.detail},
                )
                await asyncio.sleep(1)
