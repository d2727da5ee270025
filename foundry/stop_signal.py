"""SIGTERM, Ctrl-C and a terminal that closes: noticed at any moment of a process's life, and followed by its end whatever else happens."""

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

OVERDUE = 70
"""The exit status of a process that had to be ended because its stop took too long."""


class CutShort(Exception):
    """A stop was asked for while something was still being made ready."""


class StopSignal:
    """`within` seconds after the first signal the process is gone, in order or with a reason."""

    def __init__(self, *, within: float) -> None:
        self._within = within
        self._stopped = asyncio.Event()
        self._short: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()
        stops = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # Under `nohup` it is ignored, and stays so.
            stops.append(signal.SIGHUP)
        for number in stops:
            self._loop.add_signal_handler(number, self._take, number.name)

    def is_set(self) -> bool:
        return self._stopped.is_set()

    async def wait(self) -> None:
        await self._stopped.wait()

    @asynccontextmanager
    async def cutting_short(self) -> AsyncIterator[None]:
        """Inside, a signal cancels what is waited for. Raises `CutShort` then."""
        try:
            async with asyncio.timeout(0 if self.is_set() else None) as self._short:
                yield
        except TimeoutError:
            if self._short is not None and self._short.expired():
                raise CutShort from None
            raise
        finally:
            self._short = None

    def _take(self, name: str) -> None:
        log.info("stop requested", extra={"signal": name})
        if self.is_set():
            return
        self._stopped.set()
        if self._short is not None:
            self._short.reschedule(self._loop.time())
        # A thread, and never called off: threads and the interpreter's own end may hang as well.
        threading.Thread(target=self._see_to_it, name="stop watch", daemon=True).start()

    def _see_to_it(self) -> None:
        time.sleep(self._within)
        try:
            # Where every task is, and where every thread is: the lines that tell what to mend.
            tasks = sorted(map(_place_of, asyncio.all_tasks(self._loop)))
            log.critical(
                "the stop takes too long, leaving at once",
                extra={"seconds": self._within, "tasks": tasks},
            )
            faulthandler.dump_traceback(file=sys.stderr)
            sys.stderr.flush()
        finally:
            os._exit(OVERDUE)


def _place_of(task: asyncio.Task[object]) -> str:
    """The task's name and the innermost line it waits at."""
    frames: list[FrameType] = []
    waiting: object = task.get_coro()
    while (frame := _frame_of(waiting)) is not None:
        frames.append(frame)
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)
    places = [f"{Path(one.f_code.co_filename).name}:{one.f_lineno}" for one in frames]
    return f"{task.get_name()} at {' '.join(places)}"


def _frame_of(waiting: object) -> FrameType | None:
    frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
    return frame if isinstance(frame, FrameType) else None
