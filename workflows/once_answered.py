"""Questions to the event store at a time when there is nothing else to do than to wait for the answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from runtime.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

PAUSE_SECONDS = 1.0


async def once_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives, asked again however long the store stays away.

    Raises `Unavailable` (`unreadable`) all the same: that ends by somebody's decision only.
    """
    while True:
        try:
            return await ask()
        except Unavailable as error:
            if error.code == "unreadable":
                raise
            log.warning("waiting for the event store", extra={"reason": error.detail})
            await asyncio.sleep(PAUSE_SECONDS)
