"""What git prints with `-z`, record by record, however much it is."""

from collections.abc import Callable


class Records:
    """Hands each record on as soon as it is whole; give it pieces of any length."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """The next piece."""
        *whole, self._rest = (self._rest + piece).split(b"\0")
        for record in whole:
            self._take(record)
