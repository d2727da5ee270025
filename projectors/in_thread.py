"""Work that waits for the disk, off the event loop."""

import asyncio
from collections.abc import Callable


async def in_thread(work: Callable[[], object]) -> None:
    """Do blocking work in a thread. A caller that is cancelled meanwhile waits for the end of the work."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
