"""Server-Sent Events as another server sends them: an id and one line of data each."""

from collections.abc import AsyncIterable, AsyncIterator

EVENT_BYTES = 32 << 20
"""Anything longer is no event."""

ID_DIGITS = 18
"""An event whose id has more digits is ignored."""


class NotEvents(Exception):
    """What comes is no stream of events."""


async def server_sent(pieces: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """The id and data of each event with a number for an id. Raises `NotEvents`."""
    unread = b""
    async for piece in pieces:
        # Most pieces hold many whole events, and the rest is short.
        *blocks, unread = (unread + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(unread) > EVENT_BYTES:
            raise NotEvents("An event without end.")
        for block in blocks:
            if (event := _event(block)) is not None:
                yield event


def _event(block: bytes) -> tuple[int, bytes] | None:
    number, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"id":
            number = value
        elif field == b"data":
            data.append(value)
    if not number.isdigit() or len(number) > ID_DIGITS or not data:
        return None
    return int(number), b"\n".join(data)
