"""What one stream has to tell its reader, besides the changes of a batch."""

from collections.abc import Awaitable, Callable, Sequence

from gateway.frames import Frame
from gateway.wire import Wire
from runtime.metrics import FRAMES

PIECE = 32 * 1024
"""An event larger than this is written piece by piece, as the reader takes it."""


class Outgoing:
    """Events go out one after the other: nothing may come between the pieces of a large one."""

    __slots__ = ("_waiting", "_wire", "inside_event")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: list[Frame] = []
        self.inside_event = False
        """Whether an event is half sent."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits about the stream as a whole."""
        return sum(frame.size for frame in self._waiting)

    def say(self, frame: Frame) -> None:
        """Keep an event about the stream as a whole for `send_waiting`."""
        self._waiting.append(frame)

    def send_waiting(self) -> bool:
        """Send the event that was kept longest; False when there is none."""
        if not self._waiting:
            return False
        self.send((self._waiting.pop(0),))
        return True

    def send(self, events: Sequence[Frame], identity: bytes = b"") -> None:
        """Send whole events; the last one carries the `id:` line."""
        self._wire.send(events, identity)
        for event in events:
            FRAMES.labels(event.event).inc()

    async def send_as_taken(self, event: Frame, sleep: Callable[[], Awaitable[None]]) -> None:
        """Send an event of any size, in pieces if it is large; it sleeps while enough waits for the reader."""
        await self._until_taken(sleep)
        if event.size <= PIECE:
            self.send((event,))
            return
        FRAMES.labels(event.event).inc()
        self.inside_event = True
        for piece in event.pieces(PIECE):
            await self._until_taken(sleep)
            self._wire.write(piece)
        self.inside_event = False

    async def _until_taken(self, sleep: Callable[[], Awaitable[None]]) -> None:
        while self._wire.paused:
            await sleep()
