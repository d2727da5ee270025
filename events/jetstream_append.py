"""Append to the stream: one publish guarded by the subject's last sequence, and never a guess about its outcome."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

import msgspec
from msgspec import Struct

from events import codec
from events.commit import Commit
from events.ids import BEGINNING, Position
from events.jetstream_api import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    WRONG_LAST_SEQUENCE,
    ApiError,
    ErrorBody,
)
from events.jetstream_messages import MESSAGE_ID, Messages, stored_id
from events.store import MAX_COMMIT_BYTES, AlreadyStored, Limit, StalePosition
from runtime.connection import Connection
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer, NotSent
from runtime.metrics import APPEND_RETRIES, APPEND_SECONDS
from runtime.window import Window

log = logging.getLogger(__name__)

EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class _Ack(Struct, frozen=True):
    seq: int = 0
    duplicate: bool = False
    error: ErrorBody | None = None


def _is_stored(answer: bytes) -> bool:
    """Whether a commit was written down for it: a refusal and a duplicate cost no flush, and wait for no replica."""
    try:
        ack = msgspec.json.decode(answer, type=_Ack)
    except msgspec.DecodeError:
        return False
    return ack.error is None and not ack.duplicate


class Appender:
    """Appends commits. `attempt` is how long one acknowledgement is waited for, `patience` the whole append."""

    def __init__(
        self, connection: Connection, messages: Messages, *, attempt: float, patience: float
    ) -> None:
        self._connection = connection
        self._messages = messages
        self._attempt = attempt
        self._patience = patience
        self._window = Window(_is_stored)
        self.on_refusal: Callable[[], None] = lambda: None
        """Called when the server answers questions and does not say what became of a commit: it cannot write."""
        self.refused_at: float | None = None
        """When a commit was given up that the server did not take; None since one was stored or the connection made anew."""
        self.refused_with: str | None = None
        """What the server said to that, if it said anything."""
        connection.on_reconnect(self._doubt_no_more)

    async def append(
        self, subject: str, commit: Commit, *, expected: Position, message_id: str
    ) -> Position:
        body = codec.encode(commit)
        if len(body) > MAX_COMMIT_BYTES:
            raise ValueError(f"A commit of {len(body)} bytes: put large content into a blob.")
        with APPEND_SECONDS.time():
            return await self._append(subject, body, expected, message_id)

    async def _append(
        self, subject: str, body: bytes, expected: Position, message_id: str
    ) -> Position:
        deadline = monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                ack = await self._publish(subject, body, expected, message_id, deadline)
                self._doubt_no_more()
                if not ack.duplicate:
                    return Position(ack.seq)
                APPEND_RETRIES.labels("duplicate").inc()
                if await self._is_ours(Position(ack.seq), subject, message_id):
                    return await self._next(Position(ack.seq), subject, expected, body)
                reason: Exception = NoAnswer(f"called a duplicate of {ack.seq}, which it is not")
            except NotSent as error:
                reason = error
                APPEND_RETRIES.labels("not_sent").inc()
            except NoAnswer as error:
                reason = error
                APPEND_RETRIES.labels("no_answer").inc()
            except ApiError as error:
                conflict = error.err_code in WRONG_LAST_SEQUENCE
                if not (conflict or error.passing):
                    raise
                reason = error
                APPEND_RETRIES.labels("conflict" if conflict else "refused").inc()
            # Neither a time-out nor a conflict nor "duplicate" tells whether our commit is stored:
            # the acknowledgement of an earlier try may have been lost. The stream itself tells.
            if (stored := await self._find(subject, expected, message_id)) is not None:
                return await self._next(stored, subject, expected, body)
            if monotonic() + pause >= deadline:
                self._given_up(reason)
                raise Unavailable(f"The event store does not take commits ({reason}); try again.")
            log.warning("append is tried again", extra={"subject": subject, "reason": str(reason)})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _given_up(self, reason: Exception) -> None:
        if isinstance(reason, NoAnswer):
            self.refused_at, self.refused_with = monotonic(), None
            self.on_refusal()
        elif isinstance(reason, ApiError) and reason.passing:
            self.refused_at, self.refused_with = monotonic(), str(reason)

    def _doubt_no_more(self) -> None:
        self.refused_at = self.refused_with = None

    async def _publish(
        self, subject: str, body: bytes, expected: Position, message_id: str, deadline: float
    ) -> _Ack:
        left = deadline - monotonic()
        message = await self._connection.request(
            subject,
            body,
            headers={EXPECTED: str(expected), MESSAGE_ID: stored_id(subject, message_id)},
            within=max(min(self._attempt, left), FIRST_PAUSE),
            at_most=left,
            window=self._window,
        )
        ack = msgspec.json.decode(message.data, type=_Ack)
        if ack.error is not None:
            raise ApiError(ack.error)
        return ack

    async def _is_ours(self, position: Position, subject: str, message_id: str) -> bool:
        stored = await self._messages.at(position)
        return stored is not None and (stored.subject, stored.message_id) == (subject, message_id)

    async def _next(
        self, position: Position, subject: str, expected: Position, body: bytes
    ) -> Position:
        """The position of the commit behind `expected`, if it is this very one. Raises `AlreadyStored` if it is another."""
        behind = await self._messages.history(subject, after=expected, limit=Limit(commits=1))
        if [(one.position, one.body) for one in behind] != [(position, body)]:
            raise AlreadyStored(position)
        return position

    async def _find(self, subject: str, expected: Position, message_id: str) -> Position | None:
        """Where our commit is; None when it is not stored and may be tried again.

        Raises `StalePosition` when the subject is elsewhere and our commit is not in what came
        after `expected`. Others may have appended after it, so the last commit alone says little.
        """
        last = await self._messages.last(subject)
        at = last.position if last is not None else BEGINNING
        if at == expected:
            return None
        for one in await self._messages.history(subject, after=expected):
            if one.message_id == message_id:
                return one.position
        raise StalePosition(f"{subject} is at {at} and not at {expected} any more.")
