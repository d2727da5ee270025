"""What a node measures, as the text that Prometheus reads: made once for all who wait for it, and seldom for those who ask much."""

import asyncio
import time
from collections.abc import Callable

REST = 9
"""So many times as long as a text kept the processor the next one waits: that is some 10 ms, and anybody may ask."""


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
                # Not by the clock: whoever is stopped meanwhile, or moved to another machine, worked for none of that time.
                begun, worked = now(), time.thread_time()
                self._text = self._make()
                self._begun = begun
                self._rested = now() + REST * (time.thread_time() - worked)
            return self._text
