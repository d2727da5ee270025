"""Spreads over time what costs little each time and too much when it comes in crowds."""

import asyncio


class Pace:
    """At most `a_second` turns a second, after `burst` at once; who comes sooner waits, at most `longest` seconds."""

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
