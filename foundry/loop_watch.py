"""A thread that sees whether the event loop still turns: a loop that stands still can neither notice nor say so.

It counts its own looks and not the seconds: a process that was suspended, thread and all, is not to blame.
"""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LOOKS = 60
STOOD_STILL = 70
"""The exit status of a process whose loop stood still."""


@contextmanager
def loop_watched(*, every: float = LOOK_SECONDS, looks: int = LOOKS) -> Iterator[None]:
    """Inside, the process ends with a reason when the running loop has not turned for `looks` times `every` seconds."""
    loop = asyncio.get_running_loop()
    turned, enough = threading.Event(), threading.Event()

    def watch() -> None:
        missed = 0
        while not enough.wait(every):
            missed = 0 if turned.is_set() else missed + 1
            if missed >= looks:
                _leave(missed * every)
            if missed == 0:
                turned.clear()
                loop.call_soon_threadsafe(turned.set)

    loop.call_soon(turned.set)
    watcher = threading.Thread(target=watch, name="loop watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        enough.set()
        watcher.join()


def _leave(seconds: float) -> None:
    log.critical("the event loop stands still", extra={"seconds": round(seconds)})
    # Where every thread is: the one line that tells what to mend.
    faulthandler.dump_traceback(file=sys.stderr)
    sys.stderr.flush()
    os._exit(STOOD_STILL)
