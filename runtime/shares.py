"""How much of a node one person may take at once, so that one script cannot take all of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.metrics import REFUSED
from runtime.problems import TooManyRequests


class Shares:
    """Counts what each person has under way. More than `each` is refused early; `component` is for the metric."""

    def __init__(self, component: str, *, each: int) -> None:
        self._component = component
        self._each = each
        self._taken: Counter[str] = Counter()

    def take(self, user_id: str) -> None:
        """One more, to be given back. Raises `TooManyRequests`."""
        if self._taken[user_id] >= self._each:
            REFUSED.labels(self._component).inc()
            raise TooManyRequests(
                f"You have {self._each} of these under way here, as many as one person may;"
                " wait for one to end."
            )
        self._taken[user_id] += 1

    def give(self, user_id: str) -> None:
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]

    @contextmanager
    def of(self, user_id: str) -> Iterator[None]:
        """Inside, one is taken."""
        self.take(user_id)
        try:
            yield
        finally:
            self.give(user_id)
