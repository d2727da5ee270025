"""The near end of a pipe whose far end is on another machine: what came is kept here until it is read."""

import asyncio

ROOM_BYTES = 32 << 20
PIECE_BYTES = 16 << 10
"""At most this much is handed out at once: with more its reader would keep the wire unread for too long."""


class RemotePipe:
    """`feed` only appends: the feeder waits for `room` before it takes more off the wire."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def feed(self, data: bytes) -> None:
        self._kept += data
        self._news.set()
        if len(self._kept) >= ROOM_BYTES:
            self._room.clear()

    def feed_eof(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._news.set()

    async def room(self) -> None:
        """Wait until what is kept is below the bound again."""
        await self._room.wait()

    async def read(self, n: int = -1, /) -> bytes:
        """As `asyncio.StreamReader.read`."""
        while not self._ended and (n < 0 or not self._kept):
            self._news.clear()
            await self._news.wait()
            if n < 0:
                self._room.set()
        # Also when there is plenty: first whoever feeds it has its turn.
        await asyncio.sleep(0)
        taken = bytes(self._kept if n < 0 else self._kept[: min(n, PIECE_BYTES)])
        del self._kept[: len(taken)]
        if len(self._kept) < ROOM_BYTES:
            self._room.set()
        return taken
