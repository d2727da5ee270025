"""How long others on the event loop wait for their turn, at worst."""

import asyncio
import time
from types import TracebackType
from typing import Self

TICK_SECONDS = 0.001


class Stalls:
    """`async with` around what may stall the loop; `longest_ms` is known afterwards."""

    longest_ms = 0.0

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ticking.cancel()
        await asyncio.wait([self._ticking])

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            late = time.perf_counter() - began - TICK_SECONDS
            self.longest_ms = max(self.longest_ms, late * 1000)
