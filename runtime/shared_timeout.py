"""A limit for what hardly ever takes that long: all who are under it share one timer.

Each `asyncio.timeout` starts a timer of its own and takes it back: 3 microseconds, where this takes one.
"""

import asyncio
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType


class SharedTimeout:
    """`with limit.begin():` is `async with asyncio.timeout(seconds):`, with `seconds` the same for all."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # In the order in which they began, which is that of their ends.
        self._under_way: dict[_Stretch, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> AbstractContextManager[None]:
        """Cancels the task that is inside after `seconds`, and raises `TimeoutError` in its place."""
        return _Stretch(self)

    def enter(self, stretch: "_Stretch") -> float:
        """When it has to be over, by the monotonic clock."""
        self._under_way[stretch] = None
        if self._timer is None:
            self._look_after(self.seconds)
        return monotonic() + self.seconds

    def leave(self, stretch: "_Stretch") -> None:
        del self._under_way[stretch]

    def _look(self) -> None:
        self._timer = None
        for stretch in self._under_way:
            if stretch.overdue:
                continue
            if (left := stretch.ends_at - monotonic()) > 0:
                self._look_after(left)
                break
            stretch.overdue = True
            stretch.task.cancel()

    def _look_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)


class _Stretch(AbstractContextManager[None]):
    __slots__ = ("_cancelling", "_limit", "ends_at", "overdue", "task")

    def __init__(self, limit: SharedTimeout) -> None:
        self._limit = limit
        self.overdue = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self.ends_at = self._limit.enter(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._limit.leave(self)
        # Somebody else may have cancelled it too, and is to get what they asked for.
        ours = self.overdue and self.task.uncancel() <= self._cancelling
        if ours and kind is asyncio.CancelledError:
            raise TimeoutError from error
