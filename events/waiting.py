"""Those who wait until somebody who follows the log has reached a position."""

import asyncio

from events.ids import BEGINNING, Position
from runtime.errors import Unavailable


class Waiting:
    def __init__(self) -> None:
        self.position = BEGINNING
        self._waiters: set[tuple[Position, asyncio.Future[None]]] = set()

    def move(self, position: Position) -> None:
        """Set the position and wake everybody who waited for it."""
        self.position = position
        for waiter in [one for one in self._waiters if one[0] <= position]:
            self._waiters.discard(waiter)
            if not waiter[1].done():
                waiter[1].set_result(None)

    async def reached(self, position: Position, *, within: float | None) -> None:
        """Raises `Unavailable` (`not_caught_up`) after `within` seconds, if that is not None."""
        if self.position >= position:
            return
        waiter = (position, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(within):
                await waiter[1]
        except TimeoutError:
            raise Unavailable(
                f"This node is at position {self.position} and has not reached {position}; try again.",
                code="not_caught_up",
            ) from None
        finally:
            self._waiters.discard(waiter)
