"""Notices that the machine slept: of two clocks the one that stands still meanwhile falls behind."""

import asyncio
import time
from collections.abc import Callable

LOOK_SECONDS = 2.0
SLEPT_SECONDS = 3.0
"""A clock that is set right does not jump this far, and nobody needs to hear of a shorter sleep."""


class Waking:
    def __init__(self, woke: Callable[[], None]) -> None:
        self._woke = woke
        self._timer: asyncio.TimerHandle | None = None
        self._ahead = 0.0

    def watch(self) -> None:
        """From now on, until `stop`."""
        if self._timer is None:
            self._ahead = _ahead()
            self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        before, self._ahead = self._ahead, _ahead()
        self._wait()
        if self._ahead - before >= SLEPT_SECONDS:
            self._woke()


def _ahead() -> float:
    """How far the clock that goes on is ahead of the one that may stand still."""
    return time.time() - time.monotonic()
