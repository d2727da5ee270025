"""Keeps the worker going: begins it anew when one of its loops stands still, gives up when that does not help."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from foundry.reading import RESTARTS, NodeFailed
from runtime.errors import Unavailable
from runtime.pulse import Pulse

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LATE = 5
"""A look that comes after this many times its pause was held up by what held up everything."""


class Watched(Protocol):
    @property
    def pulses(self) -> Sequence[Pulse]: ...

    async def begin_anew(self) -> None: ...


async def keep_moving(
    worker: Watched, connected: Callable[[], bool], *, look: float = LOOK_SECONDS
) -> None:
    """Watch until cancelled. Raises `NodeFailed`.

    While there is no connection nobody is to blame, nor for the time in which the whole process was
    suspended: then these looks were late as well.
    """
    restarts: dict[str, int] = {}
    rounds: dict[str, int] = {}
    while True:
        asleep = time.monotonic()
        await asyncio.sleep(look)
        if time.monotonic() - asleep > look * LATE or not connected():
            for pulse in worker.pulses:
                pulse.excuse()
        for pulse in [one for one in worker.pulses if one.stands_still]:
            tried = restarts[pulse.name] if pulse.rounds == rounds.get(pulse.name) else 0
            if tried == RESTARTS:
                raise NodeFailed(
                    f"The worker stands still at {pulse.name} and a new start did not help."
                )
            log.error("the worker stands still and begins anew", extra={"stands_at": pulse.name})
            try:
                await worker.begin_anew()
            except Unavailable as error:
                # It may stand still for the same reason: look again once the log answers.
                log.warning("the worker cannot begin anew yet", extra={"reason": error.detail})
                break
            pulse.excuse()
            restarts[pulse.name], rounds[pulse.name] = tried + 1, pulse.rounds
