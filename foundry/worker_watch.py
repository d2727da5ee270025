"""The worker is kept at it: begun anew when one of its loops stands still, given up when that does not help."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from foundry.reading import RESTARTS, NodeFailed
from runtime.pulse import Pulse

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


class Watched(Protocol):
    @property
    def pulses(self) -> Sequence[Pulse]: ...

    async def begin_anew(self) -> None: ...


async def keep_moving(
    worker: Watched, connected: Callable[[], bool], *, look: float = LOOK_SECONDS
) -> None:
    """Watch until cancelled. While there is no connection nobody is to blame. Raises `NodeFailed`."""
    restarts: dict[str, int] = {}
    rounds: dict[str, int] = {}
    while True:
        await asyncio.sleep(look)
        if not connected():
            for pulse in worker.pulses:
                pulse.excuse()
        for pulse in [one for one in worker.pulses if one.stands_still]:
            moved = pulse.rounds != rounds.get(pulse.name)
            restarts[pulse.name] = 1 if moved else restarts[pulse.name] + 1
            rounds[pulse.name] = pulse.rounds
            if restarts[pulse.name] > RESTARTS:
                raise NodeFailed(
                    f"The worker stands still at {pulse.name} and a new start did not help."
                )
            log.error("the worker stands still and begins anew", extra={"stands_at": pulse.name})
            pulse.excuse()
            await worker.begin_anew()
