"""What a node measures, as the text that Prometheus reads: made once for all who wait for it, and seldom for those who ask much."""

import asyncio
from collections.abc import Callable

REST = 9
"""So many times as long as a text took to make the next one waits: it takes some 10 ms, and anybody may ask."""

LONGEST_REST = 2.0
"""A node that was stopped meanwhile, or moved to another machine, took no time for it, and Prometheus asks but ten seconds long."""


class Figures:
    """Every answer is of a moment after its question. Whoever asks alone and now and then waits for nobody."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._text = b""
        self._begun = float("-inf")
        self._rested = float("-inf")
        self._turn = asyncio.Lock()

    async def text(self) -> bytes:
        now = asyncio.get_running_loop().time
        asked = now()
        async with self._turn:
            if self._begun < asked:
                await asyncio.sleep(self._rested - now())
                begun = now()
                self._text = self._make()
                self._begun = begun
                self._rested = now() + min(REST * (now() - begun), LONGEST_REST)
            return self._text
