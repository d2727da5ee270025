"""The newest end of what a process prints: always read, so that the process never waits, never more than a bound kept."""

import re
from collections.abc import Callable

from workflows.sandbox import Output


class OutputTail:
    """The last `limit` bytes of an output."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.total = 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        self._kept += chunk
        # Cut seldom: moving the whole tail for each small chunk would cost more than reading it.
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        """The tail as text; it begins at a line if it had to be cut, or at least at a character."""
        kept = bytes(self._kept[-self._limit :])
        if self.total > len(kept):
            kept = kept.partition(b"\n")[2] or _REST_OF_A_CHARACTER.sub(b"", kept)
        return kept.decode("utf-8", "replace")


_REST_OF_A_CHARACTER = re.compile(rb"\A[\x80-\xbf]{1,3}")


async def pump(pipe: Output, *into: Callable[[bytes], None]) -> None:
    """Read a pipe to its end, whoever wants to know or not."""
    while chunk := await pipe.read(64 << 10):
        for take in into:
            take(chunk)
