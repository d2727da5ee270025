"""A lock that holds between processes too, and as long as a child that was given it still runs."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runtime.errors import Unavailable

WAIT_SECONDS = 300.0
"""How long the lock is waited for: as long as the longest thing done under it, a first fetch."""


@asynccontextmanager
async def folder_lock(file: Path) -> AsyncIterator[int]:
    """Hold the lock `file`; the descriptor may be left to children, which then hold it until they end.

    So a git command that outlives its killed worker keeps the next worker from its repository.
    Raises `Unavailable` after `WAIT_SECONDS`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _wait_for(descriptor, file)
        yield descriptor
    finally:
        os.close(descriptor)


async def _wait_for(descriptor: int, file: Path) -> None:
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(
                    f"Another process has held {file.stem} for {WAIT_SECONDS:g} seconds.",
                    code="repository_busy",
                ) from None
            # The kernel tells nobody when a lock becomes free, and a thread that waits cannot be ended.
            await asyncio.sleep(0.05)
        else:
            return
