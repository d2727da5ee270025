"""A pace for what costs little each time and much if there is no end to it."""

import asyncio


class Pace:
    """So many a second, after `burst` at once; whoever comes sooner waits for their turn, at most `longest` seconds."""

    def __init__(self, *, a_second: float, burst: int, longest: float) -> None:
        self._step = 1 / a_second
        self._ahead = (burst - 1) * self._step
        self._longest = longest
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = asyncio.get_running_loop().time()
        self._next = min(max(self._next, now), now + self._ahead + self._longest) + self._step
        wait = self._next - self._step - now - self._ahead
        if wait > 0:
            await asyncio.sleep(wait)
