"""The shared hints: of all workers one is told of each job that anybody can do."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from events.codec import Undecodable
from events.commit import Recorded
from runtime.errors import FoundryError
from runtime.pulse import Pulse
from workflows.job_lanes import JobLanes
from workflows.job_offers import JobOffers, jobs_of
from workflows.woken_tasks import ROUND_SECONDS

log = logging.getLogger(__name__)

Hints = Callable[[], AsyncGenerator[Sequence[Recorded], None]]


class JobHints:
    """`renew` has the hints begin anew, because the log lost its end."""

    def __init__(
        self,
        hints: Hints,
        renew: Callable[[], Awaitable[None]],
        *,
        offers: JobOffers,
        lanes: JobLanes,
    ) -> None:
        self._hints = hints
        self._offers = offers
        self._lanes = lanes
        self.renew = renew
        self.pulse = Pulse("jobs of any host", within=ROUND_SECONDS)

    async def run(self) -> None:
        """Ask for hints while there is room for more jobs; a worker without room leaves them to others."""
        async with aclosing(self._hints()) as batches:
            async for batch in batches:
                for recorded in batch:
                    with self.pulse.round():
                        await self._take(recorded)
                await self._lanes.room()

    async def _take(self, recorded: Recorded) -> None:
        try:
            for job in jobs_of(recorded):
                await self._offers.offer(job, only="anywhere")
        except Undecodable:
            log.error("commit cannot be read", extra={"position": recorded.position})
        except FoundryError as error:
            log.warning("left to the sweep", extra={"reason": error.detail})
