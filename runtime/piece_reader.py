"""A stream reader that hands on what it is given: asyncio's own copies every byte into a buffer, and out of it again."""

import asyncio
from typing import TYPE_CHECKING


class PieceReader(asyncio.StreamReader):
    """As long as each piece is read before the next one comes, `read` returns it as it came, however long it is."""

    if TYPE_CHECKING:
        # What asyncio keeps private, alike in Python 3.11 to 3.14.
        _buffer: bytearray
        _eof: bool
        _exception: Exception | None

        def _wakeup_waiter(self) -> None: ...
        async def _wait_for_data(self, func_name: str) -> None: ...

    _piece = b""
    _is_read = False

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        if self._is_read and not (self._buffer or self._piece):
            self._piece = data
            self._wakeup_waiter()
            return
        piece, self._piece = self._piece, b""
        super().feed_data(piece + data)

    async def read(self, n: int = -1) -> bytes:
        self._is_read = True
        if not (self._piece or self._buffer or self._eof or self._exception):
            await self._wait_for_data("read")
        if self._piece:
            piece, self._piece = self._piece, b""
            return piece
        return await super().read(n)

    def at_eof(self) -> bool:
        return not self._piece and super().at_eof()
