"""The changes of one batch on their way to a reader, or to many that get the same."""

from gateway.frames import Frame


class Batch:
    __slots__ = ("_frames", "size")

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self.size = 0
        """Bytes of what was taken."""

    def take(self, frame: Frame) -> bool:
        """Add an event; True for the first one."""
        self._frames.append(frame)
        self.size += frame.size
        return len(self._frames) == 1

    def empty(self) -> list[Frame]:
        """What was taken, in its order; the next batch begins."""
        frames, self._frames, self.size = self._frames, [], 0
        return frames
