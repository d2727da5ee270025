"""The ways a stream ends, and what its client is told."""

from typing import Literal

EndCode = Literal[
    "closed",
    "stalled",
    "drain",
    "draining",
    "capacity",
    "behind",
    "unauthenticated",
    "unavailable",
]


class Ended(Exception):
    """The stream is over. With a `detail` the client gets a `bye`, without one nobody is there to read it."""

    def __init__(self, code: EndCode, detail: str = "", *, retry: bool = True) -> None:
        super().__init__(code)
        self.code: EndCode = code
        self.detail = detail
        self.retry = retry
