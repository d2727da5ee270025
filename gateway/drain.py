"""Sends all streams elsewhere, a few at a time, before the node goes (docs/protocol.md, "Drain and bye")."""

import asyncio
import random
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gateway import frames
from gateway.connection import Connection
from gateway.ending import Ended

LEAVE_SHARE = 0.5
"""Clients are asked to leave within this share of the time …"""

GRACE_SHARE = 0.25
"""… and each gets this share more before its stream is ended."""

PAUSE_MS = (1000, 5000)
"""Between these a native EventSource is told to pause after its stream, and then before each try while nobody listens.

Told 0 it would try without end; told as much as the others, it would stay away for so long once its stream has ended.
"""


class Departure(NamedTuple):
    """When a stream is asked to leave and when it is ended, in seconds from now."""

    ask_after: float
    end_after: float


def departures(count: int, seconds: float) -> Iterator[Departure]:
    """The time table of `count` streams that have `seconds` altogether, evenly spread."""
    for number in range(count):
        ask_after = LEAVE_SHARE * seconds * number / count
        yield Departure(ask_after, ask_after + GRACE_SHARE * seconds)


async def send_away(
    connections: Collection[Connection], empty: asyncio.Event, *, seconds: float
) -> None:
    """Announce the end to every stream, then end each in its turn. Returns early when all have left."""
    began = time.monotonic()
    plan = list(zip(connections, departures(len(connections), seconds), strict=True))
    for connection, departure in plan:
        connection.say(
            frames.drain(
                retry_ms=round(departure.ask_after * 1000),
                deadline_ms=round(departure.end_after * 1000),
                native_ms=random.randint(*PAUSE_MS),
            )
        )
    for connection, departure in plan:
        try:
            async with asyncio.timeout(max(0, began + departure.end_after - time.monotonic())):
                await empty.wait()
            return
        except TimeoutError:
            connection.leave(Ended("drain", "This node is shutting down; open another stream."))
