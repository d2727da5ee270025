"""A bound on the bytes of large events that are being sent piece by piece, whoever reads them and however slowly."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from gateway.frames import Frame


class Budget:
    """Bytes that several streams share count once. One delivery larger than everything gets in alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._holders: Counter[int] = Counter()
        self._freed = asyncio.Event()
        self.used = 0

    def take(self, frames: Sequence[Frame]) -> bool:
        """Whether these may be sent now; then `give` them back when they were."""
        new = {
            id(part): len(part)
            for frame in frames
            for part in frame.parts
            if id(part) not in self._holders
        }
        if self.used and self.used + sum(new.values()) > self._limit:
            return False
        for frame in frames:
            self._holders.update(id(part) for part in frame.parts)
        self.used += sum(new.values())
        return True

    def give(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            for part in frame.parts:
                self._holders[id(part)] -= 1
                if not self._holders[id(part)]:
                    del self._holders[id(part)]
                    self.used -= len(part)
        self._freed.set()

    async def freed(self, *, within: float) -> None:
        """Wait until something was given back. Raises `TimeoutError` after `within` seconds."""
        self._freed.clear()
        async with asyncio.timeout(within):
            await self._freed.wait()
