"""How many questions of one kind may wait for their answers at once (docs/decisions/0076).

nats-server takes all commits that lie before it, flushes one after the other, and answers them together:
who sends it everything has nothing to do until it is through with everything.
"""

import math
from collections.abc import Callable
from time import monotonic
from typing import Protocol

LEAST = 24
PERIOD_SECONDS = 0.2


class Question(Protocol):
    """What waits for its turn, and then for its answer."""

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""

    def send(self) -> None:
        """Send it now; its turn has come. Must not raise."""


class Window:
    """Questions leave in the order in which they came, one for each that is answered.

    As many are under way as the server answers in twice its shortest time, `LEAST` at least: over a
    long way that is many more. `tells` whether an answer says anything of that time: what is refused
    may be answered at once. `now` gives seconds.
    """

    def __init__(
        self,
        tells: Callable[[bytes], bool] = lambda answer: True,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._tells = tells
        self._now = now
        self.size = LEAST
        self._waiting: dict[Question, None] = {}
        self._sent: dict[Question, float] = {}
        self._shortest = math.inf
        self._answered = 0
        self._counted_since = now()

    def enter(self, question: Question) -> None:
        """Send it now, or as soon as there is room."""
        self._waiting[question] = None
        self._move_up()

    def leave(self, question: Question, *, answer: bytes | None) -> None:
        """It has its answer, or waits for none any more. Said twice it is heard once."""
        sent_at = self._sent.pop(question, None)
        if sent_at is None:
            self._waiting.pop(question, None)
            return
        if answer is None:
            # Whatever is at the other end now may be further away.
            self._shortest = math.inf
        else:
            self._measure(answer, sent_at, self._now())
        self._move_up()

    def _move_up(self) -> None:
        while self._waiting and len(self._sent) < self.size:
            question = next(iter(self._waiting))
            del self._waiting[question]
            if not question.over:
                self._sent[question] = self._now()
                question.send()

    def _measure(self, answer: bytes, sent_at: float, now: float) -> None:
        self._answered += 1
        # Looked into last: hardly any answer comes sooner than all before it.
        if now - sent_at < self._shortest and self._tells(answer):
            self._shortest = now - sent_at
        if now - self._counted_since >= PERIOD_SECONDS and self._shortest < math.inf:
            a_second = self._answered / (now - self._counted_since)
            self.size = max(LEAST, math.ceil(2 * a_second * self._shortest))
            self._answered, self._counted_since = 0, now
