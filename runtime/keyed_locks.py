"""A lock for each name, there while somebody has it or waits for it: nearly always nobody else wants it."""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from types import TracebackType


class KeyedLocks:
    """`async with locks.of(name):` keeps all others of that name out; they follow in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]] | None] = {}
        """Who waits for each name that somebody has; None while nobody does."""

    def __contains__(self, name: str) -> bool:
        """Whether somebody has it."""
        return name in self._waiting

    def of(self, name: str) -> AbstractAsyncContextManager[None]:
        return _Turn(self, name)

    async def take(self, name: str) -> None:
        if name not in self._waiting:
            self._waiting[name] = None
            return
        waiting = self._waiting[name]
        if waiting is None:
            waiting = self._waiting[name] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # It may have become this one's turn at the same moment; otherwise it is passed over.
            if turn.done() and not turn.cancelled():
                self.give(name)
            raise

    def give(self, name: str) -> None:
        waiting = self._waiting[name]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[name]


class _Turn(AbstractAsyncContextManager[None]):
    __slots__ = ("_locks", "_name")

    def __init__(self, locks: KeyedLocks, name: str) -> None:
        self._locks = locks
        self._name = name

    async def __aenter__(self) -> None:
        await self._locks.take(self._name)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._locks.give(self._name)
