"""What a NATS account may not do: the server says so once, beside all answers, and is silent to whoever asked."""

import logging
from time import monotonic

log = logging.getLogger(__name__)

KEPT = 100
QUIET_SECONDS = 10.0
"""At most one line is logged in this time: what is not permitted is tried again and again."""


class Violations:
    """Keeps the latest refusals the server told of, so that who waited for an answer in vain learns why."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._quiet_until = float("-inf")

    def note(self, text: str) -> None:
        """Keep what the server said, `Permissions Violation for Publish to "evt.user.usr_1"`, and log it."""
        self._said[_subject_in(text)] = text
        while len(self._said) > KEPT:
            del self._said[next(iter(self._said))]
        if monotonic() >= self._quiet_until:
            self._quiet_until = monotonic() + QUIET_SECONDS
            log.warning("the nats account may not do what it has to", extra={"reason": text})

    def about(self, *subjects: str) -> str | None:
        """What the server said about the first of these subjects about which it said anything; None if about none."""
        found = (self._said.get(subject) for subject in subjects)
        return next((text for text in found if text is not None), None)

    def forget(self) -> None:
        """Another connection may have other permissions."""
        self._said.clear()


def _subject_in(text: str) -> str:
    """Between the first quotes. It only finds what to tell, so a text of another shape does no harm."""
    return text.partition('"')[2].partition('"')[0]
