"""What a loop notes each time it comes round, so that a watchdog can tell when it stands still."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pulse:
    """`within` is how many seconds one round of work may take; waiting for work is no round."""

    def __init__(self, name: str, *, within: float) -> None:
        self.name = name
        self.rounds = 0
        """Those that came to their end."""
        self._within = within
        self._since: float | None = None

    @contextmanager
    def round(self) -> Iterator[None]:
        """One round of work is under way."""
        self._since = time.monotonic()
        try:
            yield
            self.rounds += 1
        finally:
            self._since = None

    def excuse(self) -> None:
        """The time of a round that is under way counts from now: what held it up until here was not its fault."""
        if self._since is not None:
            self._since = time.monotonic()

    @property
    def stands_still(self) -> bool:
        return self._since is not None and time.monotonic() - self._since > self._within
