"""Lanes of git commands: in each a few run at the same time, the others wait."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NewType
from weakref import WeakValueDictionary

Lane = NewType("Lane", str)
"""Commands that wait for a remote must keep waiting neither those for another one nor those that only read this disk."""

DISK = Lane("")

_REMOTE_HOST = re.compile(r"(?:[^/:]*://)?(?:[^/@]*@)?(\[[^]]*]|[^/:]+)")


class Lanes:
    """Who runs and who waits in each lane; one that nobody is in takes no memory."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lanes = WeakValueDictionary[Lane, asyncio.Semaphore]()

    @asynccontextmanager
    async def place_in(self, lane: Lane) -> AsyncIterator[None]:
        async with self._lanes.setdefault(lane, asyncio.Semaphore(self._at_once)):
            yield


def lane_to(remote_url: str) -> Lane:
    """The lane of all repositories of one host, this machine among them."""
    found = _REMOTE_HOST.match(remote_url)
    return Lane(f"to {found[1].lower() if found else ''}")
