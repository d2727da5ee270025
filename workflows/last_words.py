"""The outputs of a process that end with it, whoever else holds them open."""

import asyncio

from workflows.sandbox import Output

PATIENCE_SECONDS = 2.0


class LastWords:
    """A pipe that ends with its process, which is not so by itself: a killed supervisor leaves behind what it did not end.

    What was printed is still read, however slowly; but for more of it nobody waits longer than a moment.
    """

    def __init__(self, pipe: Output) -> None:
        self._pipe = pipe
        self._reading: asyncio.Timeout | None = None
        self._patience: float | None = None

    def over(self) -> None:
        """The process has ended."""
        self._patience = PATIENCE_SECONDS
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def read(self, n: int = -1, /) -> bytes:
        try:
            async with asyncio.timeout(self._patience) as self._reading:
                return await self._pipe.read(n)
        except TimeoutError:
            return b""
        finally:
            self._reading = None
