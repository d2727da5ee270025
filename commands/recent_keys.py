"""Keys of commands that this process works on, and of those it stored since the directory was last up to date."""

from collections import OrderedDict
from contextlib import AbstractAsyncContextManager

from events.ids import Position
from runtime.keyed_locks import KeyedLocks

REMEMBERED = 10_000


class RecentKeys:
    """Keeps one process from accepting one key for two aggregates, neither of which knows of the other."""

    def __init__(self) -> None:
        self._locks = KeyedLocks()
        self._positions: OrderedDict[str, Position] = OrderedDict()

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Held from the lookup of a key until its command is answered."""
        return self._locks.of(key)

    def position(self, key: str) -> Position | None:
        return self._positions.get(key)

    def made(self, key: str, position: Position, *, known: Position) -> None:
        """Remember a commit until the directory, which knows the log up to `known`, has it."""
        self._positions[key] = position
        while self._positions:
            oldest = next(iter(self._positions.values()))
            if oldest > known and len(self._positions) <= REMEMBERED:
                break
            self._positions.popitem(last=False)
