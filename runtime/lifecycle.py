"""The gate every working component has: let work in, stop letting it in, wait for it, end what is left (DESIGN 8)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakSet

from runtime.errors import Unavailable
from runtime.metrics import ACTIVE_WORK, DRAIN_SECONDS, REFUSED
from runtime.problems import TooManyRequests

log = logging.getLogger(__name__)


class Gate:
    """Counts the work of one component. Once draining has begun nothing new gets in.

    `capacity` is how much work may be inside at once. More is refused early instead of being queued:
    whoever is let in then waits for no more than that much.
    """

    def __init__(self, component: str, *, capacity: int | None = None) -> None:
        self.component = component
        self._capacity = capacity
        self.draining = False
        self._active: dict[asyncio.Task[object], str] = {}
        self._cut: WeakSet[asyncio.Task[object]] = WeakSet()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """How much admitted work has not ended."""
        return len(self._active)

    @asynccontextmanager
    async def work(self, name: str, *, counted: bool = True) -> AsyncIterator[None]:
        """Admit one piece of work. Raises `Unavailable` (`draining`) once the component drains.

        Raises `TooManyRequests` when it is full, except for work that is not `counted`: a part of
        something that was admitted elsewhere.
        """
        if self.draining:
            raise Unavailable(
                "This node is shutting down; send the request again, it will reach another one.",
                code="draining",
            )
        task = asyncio.current_task()
        assert task is not None
        nested = task in self._active
        if not nested:
            if counted and self._capacity is not None and self.active >= self._capacity:
                REFUSED.labels(self.component).inc()
                raise TooManyRequests(
                    "As much as can be done at once is being done here; send it again after a moment."
                )
            self._active[task] = name
            self._idle.clear()
            ACTIVE_WORK.labels(self.component).set(self.active)
        try:
            yield
        finally:
            if not nested:
                del self._active[task]
                ACTIVE_WORK.labels(self.component).set(self.active)
                if not self._active:
                    self._idle.set()

    @asynccontextmanager
    async def request(self, name: str, *, counted: bool = True) -> AsyncIterator[None]:
        """Like `work`, for what somebody waits for: cut at the deadline of a drain it is answered too.

        Then it raises `Unavailable` (`draining`), and nobody knows what came of it.
        """
        try:
            async with self.work(name, counted=counted):
                yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task not in self._cut:
                raise
            task.uncancel()
            raise Unavailable(
                "This node shut down before it knew the answer, and what you ordered may have"
                " happened; send it again with the same Idempotency-Key.",
                code="draining",
            ) from None

    async def drain(self, deadline: float) -> None:
        """Stop admitting, wait for active work until `deadline` (event loop time), cancel what is left."""
        self.draining = True
        started = time.monotonic()
        fields = {"component": self.component, "active": self.active}
        log.info("drain started", extra=fields)
        try:
            async with asyncio.timeout_at(deadline):
                await self._idle.wait()
        except TimeoutError:
            left = dict(self._active)
            log.warning(
                "drain deadline passed, cancelling",
                extra={
                    "component": self.component,
                    "active": len(left),
                    "work": sorted(left.values()),
                },
            )
            for task in left:
                self._cut.add(task)
                task.cancel()
            await asyncio.wait(left, timeout=1)
        seconds = time.monotonic() - started
        DRAIN_SECONDS.labels(self.component).observe(seconds)
        log.info(
            "drain ended",
            extra={
                "component": self.component,
                "active": self.active,
                "seconds": round(seconds, 3),
            },
        )
