"""The gate every working component has: let work in, stop letting it in, wait for it, end what is left."""

import asyncio
import logging
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
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
        ACTIVE_WORK.labels(component).set_function(lambda: self.active)

    @property
    def active(self) -> int:
        """How much admitted work has not ended."""
        return len(self._active)

    def work(self, name: str, *, counted: bool = True) -> AbstractAsyncContextManager[None]:
        """Admit one piece of work. Raises `Unavailable` (`draining`) once the component drains.

        Raises `TooManyRequests` when it is full, except for work that is not `counted`: a part of
        something that was admitted elsewhere.
        """
        return _Admission(self, name, counted=counted)

    def request(self, name: str, *, counted: bool = True) -> AbstractAsyncContextManager[None]:
        """Like `work`, for what somebody waits for: cut at the deadline of a drain it is answered too.

        Then it raises `Unavailable` (`draining`), and nobody knows what came of it.
        """
        return _AnsweredAdmission(self, name, counted=counted)

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
            if left:
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

    def admit(self, name: str, *, counted: bool) -> asyncio.Task[object] | None:
        """The task that is let in now; None when it is inside already."""
        if self.draining:
            raise Unavailable(
                "This node is shutting down; send the request again, it will reach another one.",
                code="draining",
            )
        task = asyncio.current_task()
        assert task is not None
        if task in self._active:
            return None
        if counted and self._capacity is not None and self.active >= self._capacity:
            REFUSED.labels(self.component).inc()
            raise TooManyRequests(
                "As much as can be done at once is being done here; send it again after a moment."
            )
        self._active[task] = name
        self._idle.clear()
        return task

    def release(self, task: asyncio.Task[object]) -> None:
        del self._active[task]
        if not self._active:
            self._idle.set()

    def was_cut(self, task: asyncio.Task[object] | None) -> bool:
        """Whether this work was cancelled because a drain could wait no longer."""
        return task in self._cut


class _Admission(AbstractAsyncContextManager[None]):
    """One stay inside a gate. A class, because each request passes here: a generator costs three times as much."""

    __slots__ = ("_counted", "_gate", "_name", "_task")

    def __init__(self, gate: Gate, name: str, *, counted: bool) -> None:
        self._gate = gate
        self._name = name
        self._counted = counted
        self._task: asyncio.Task[object] | None = None

    async def __aenter__(self) -> None:
        self._task = self._gate.admit(self._name, counted=self._counted)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._gate.release(self._task)


class _AnsweredAdmission(_Admission):
    __slots__ = ()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if not isinstance(error, asyncio.CancelledError):
            return
        task = asyncio.current_task()
        if task and self._gate.was_cut(task):
            task.uncancel()
            raise Unavailable(
                "This node shut down before it knew the answer, and what you asked for may"
                " have happened; send it again with the same Idempotency-Key.",
                code="draining",
            ) from None
