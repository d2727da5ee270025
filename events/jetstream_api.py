"""Requests to the JetStream API: typed answers, errors by code and never by text, patience while leaders are elected."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import msgspec
from msgspec import Struct

from runtime.connection import Connection
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer, NobodyListens, NotSent

log = logging.getLogger(__name__)

PREFIX = "$JS.API"
NANOSECONDS = 1_000_000_000

STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
NO_SUITABLE_PEERS = 10005
NO_CLUSTER = 10074
"""A single server was asked for replicas: it answers with the code of a fault, but asking again does not help."""
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
"""One is the answer when the last sequence differs from what is stored, the other, in a cluster, from what is being stored."""
DUPLICATE_IN_PROCESS = 10158
ACCOUNT_IS_FULL = 10002
"""Nothing was stored. It can be tried again once the account has room, though the code is that of a bad request."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5

T = TypeVar("T")


class ErrorBody(Struct, frozen=True):
    code: int
    err_code: int = 0
    description: str = ""


class ApiError(Exception):
    """JetStream refused a request."""

    def __init__(self, body: ErrorBody) -> None:
        super().__init__(f"{body.description} ({body.code}, {body.err_code})")
        self.code = body.code
        self.err_code = body.err_code

    @property
    def not_found(self) -> bool:
        """Whether the message, or the consumer, that was asked for is not there."""
        return self.code == 404

    @property
    def passing(self) -> bool:
        """Whether the same request may be accepted a little later: no leader yet, too busy, no space."""
        if self.err_code == NO_CLUSTER:
            return False
        return (
            self.code >= 500
            or self.code == 429
            or self.err_code in (DUPLICATE_IN_PROCESS, ACCOUNT_IS_FULL)
        )


class _Group(Struct, frozen=True):
    leader: str = ""


class _Envelope(Struct, frozen=True):
    """What every answer may hold; `cluster` is there when the server is one of a cluster."""

    error: ErrorBody | None = None
    cluster: _Group | None = None


class JetStreamApi:
    """The API of one stream. `patience` is how long, in seconds, a question is asked again, `telling` after how many that is said aloud."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        *,
        attempt: float = 2.0,
        patience: float = 8.0,
        telling: float = math.inf,
    ) -> None:
        self.connection = connection
        self.stream = stream
        self._attempt = attempt
        self._patience = patience
        self._telling = telling

    async def call(self, verb: str, body: object, answer: type[T]) -> T:
        """Send a request that may safely be repeated, such as `STREAM.INFO.EVENTS`.

        Raises `ApiError` for a lasting refusal, `Unavailable` when nobody answered in time.
        """
        content = msgspec.json.encode(body) if body is not None else b""

        async def once(within: float, at_most: float) -> T:
            try:
                message = await self.connection.request(
                    f"{PREFIX}.{verb}", content, within=within, at_most=at_most
                )
            except NobodyListens as error:
                raise NotSent(f"JetStream is switched off on its server ({error})") from None
            envelope = msgspec.json.decode(message.data, type=_Envelope)
            if envelope.error is not None:
                raise ApiError(envelope.error)
            if envelope.cluster is not None and not envelope.cluster.leader:
                # Whoever is left answers for a group that lost its leader, with what it has itself.
                raise NoAnswer(f"{self.stream} has no leader: too few of its servers run")
            return msgspec.json.decode(message.data, type=answer)

        return await self.patiently(once)

    async def patiently(self, ask: Callable[[float, float], Awaitable[T]]) -> T:
        """Repeat a question while it goes unanswered. Raises `Unavailable` in the end.

        `ask` is told within how many seconds it should be answered, and how many it has in all.
        """
        begun = monotonic()
        deadline = begun + self._patience
        tell_at = begun + self._telling
        pause = FIRST_PAUSE
        while True:
            left = deadline - monotonic()
            try:
                return await ask(min(self._attempt, left), left)
            except (NotSent, NoAnswer) as error:
                reason: Exception = error
            except ApiError as error:
                if not error.passing:
                    raise
                reason = error
            if monotonic() + pause >= deadline:
                raise Unavailable(f"The event store does not answer ({reason}); try again.")
            if monotonic() >= tell_at:
                tell_at = math.inf
                log.warning(
                    "the log does not answer yet, waiting",
                    extra={
                        "stream": self.stream,
                        "reason": str(reason),
                        "at_most_seconds": self._patience,
                    },
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
