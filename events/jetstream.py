"""The event store on NATS JetStream: one stream, one message per commit."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence

from events.commit import Commit, Recorded
from events.fact import Blob
from events.ids import BEGINNING, Position
from events.jetstream_api import JetStreamApi
from events.jetstream_append import Appender
from events.jetstream_blobs import Blobs
from events.jetstream_hints import Hints
from events.jetstream_messages import Messages
from events.jetstream_reader import Reader
from events.jetstream_stream import (
    ENVELOPE_BYTES,
    StreamState,
    UnfitStream,
    ensure_stream,
    stream_info,
)
from events.store import ALL, MAX_COMMIT_BYTES, STREAM, SUBJECTS, Limit
from runtime.connection import TELL_SECONDS, Connection

log = logging.getLogger(__name__)

BUCKET = "BLOBS"
DUPLICATE_WINDOW = 120.0
ATTEMPT_SECONDS = 2.0
DOUBT_SECONDS = 20.0
"""For at most this long a leader that was cut off from its peers still acts as the leader (nats-server looks every 10 s)."""

PATIENCE_SECONDS = 10.0
"""Longer than a cluster takes to elect a new leader when one dies."""

START_SECONDS = 30.0
"""A start is more patient: the servers of a cluster may be starting too."""


class JetStreamStore:
    """Keeps the promises of `events.store.EventStore`. Made by `open_store`."""

    def __init__(
        self,
        connection: Connection,
        *,
        replicas: int,
        attempt: float,
        patience: float,
        doubt: float,
    ) -> None:
        self.replicas = replicas
        """On how many servers a commit is stored before it is acknowledged."""
        self.doubt_seconds = doubt if replicas > 1 else 0.0
        self._api = JetStreamApi(connection, STREAM, attempt=attempt, patience=patience)
        self._messages = Messages(self._api, replicated=replicas > 1)
        self._appender = Appender(connection, self._messages, attempt=attempt, patience=patience)
        self._blobs = Blobs(connection, BUCKET, replicas=replicas)
        self._head = BEGINNING
        self._is_sound = False
        """Whether the newest commit was there since the connection was made: what comes behind it is, too."""
        self._looked_at: StreamState | None = None
        connection.on_reconnect(self._look_again)

    def on_refusal(self, remedy: Callable[[], None]) -> None:
        """Call `remedy` when an append failed because the server acknowledged no write, while it answers everything else."""
        self._appender.on_refusal = remedy

    @property
    def refused_at(self) -> float | None:
        """When a commit was given up last that was not taken, by the monotonic clock; None once another was stored."""
        return self._appender.refused_at

    @property
    def refused_with(self) -> str | None:
        """What the server said to that commit; None if it acknowledged nothing, while it answered everything else."""
        return self._appender.refused_with

    async def append(
        self, subject: str, commit: Commit, *, expected: Position, message_id: str
    ) -> Position:
        return await self._appender.append(
            subject, commit, expected=expected, message_id=message_id
        )

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        return await self._messages.history(subject, after=after, limit=limit)

    async def last(self, subject: str) -> Recorded | None:
        return await self._messages.last(subject)

    async def at(self, position: Position) -> Recorded | None:
        return await self._messages.at(position)

    async def head(self) -> Position:
        state = (await stream_info(self._api)).state
        end = Position(state.last_seq)
        # Nearly always nothing was ever deleted, and nobody has to be asked twice.
        if self._is_sound and state.messages == end:
            return end
        if state != self._looked_at:
            self._head = await self._newest(end)
            self._is_sound = self._head == end
            self._looked_at = state
        return self._head

    async def _newest(self, end: Position) -> Position:
        # It may have been deleted; or a server that was started found it damaged: it counts it and does not have it.
        if end == BEGINNING or await self._messages.at(end) is not None:
            return end
        newest = await self._messages.last(SUBJECTS)
        return newest.position if newest is not None else await self._before_damage(end)

    async def _before_damage(self, end: Position) -> Position:
        """The last position with a commit that can be read, where the server finds no last one itself."""
        step = 1
        while step <= end:
            step *= 2
            found = await self._messages.next(Position(max(end - step, BEGINNING)))
            while found is not None:
                newest, found = found.position, await self._messages.next(found.position)
                if found is None:
                    log.error(
                        "the end of the log cannot be read, its store is damaged",
                        extra={"newest": newest, "end": end},
                    )
                    return newest
        return BEGINNING

    def _look_again(self) -> None:
        self._is_sound, self._looked_at = False, None

    async def end(self) -> Position:
        return Position((await stream_info(self._api)).state.last_seq)

    def read(self, after: Position) -> AsyncGenerator[Sequence[Recorded], None]:
        return Reader(self._api, self._messages, after=after, doubt=self.doubt_seconds).batches()

    def hints(self) -> AsyncGenerator[Sequence[Recorded], None]:
        """New commits that may announce a job, each given to one of all the processes that read here, or to none (a loss)."""
        return Hints(self._api).batches()

    async def renew_hints(self) -> None:
        """Forget which commits were given out: after a cut of the log their positions are those of other commits."""
        await Hints(self._api).forget()

    async def put_blob(self, content: bytes) -> Blob:
        return await self._blobs.put(content)

    async def get_blob(self, blob_id: str) -> bytes | None:
        return await self._blobs.get(blob_id)


async def open_store(
    connection: Connection,
    *,
    replicas: int | None = None,
    begin: bool = True,
    duplicate_window: float = DUPLICATE_WINDOW,
    attempt: float = ATTEMPT_SECONDS,
    patience: float = PATIENCE_SECONDS,
    doubt: float = DOUBT_SECONDS,
    telling: float = TELL_SECONDS,
) -> JetStreamStore:
    """The store on this connection. Makes the stream if there is none and `begin` is True; else raises `Unavailable`.

    `replicas` None takes what an existing stream has, else 1. `attempt` is how long one answer is waited
    for, `patience` how long it is tried again before `Unavailable`, `doubt` how long servers of a cluster
    may seem to have lost the end of the log before that is believed, `telling` after how long a start that
    is not answered says so; all in seconds. Raises
    `events.jetstream_stream.UnfitStream` for a server or stream the log cannot live in.
    """
    if connection.max_payload < MAX_COMMIT_BYTES + ENVELOPE_BYTES:
        raise UnfitStream(
            f"The NATS server takes messages of {connection.max_payload} bytes; set its "
            f"max_payload to {MAX_COMMIT_BYTES + ENVELOPE_BYTES} or more."
        )
    api = JetStreamApi(
        connection,
        STREAM,
        attempt=attempt,
        patience=max(patience, START_SECONDS),
        telling=telling,
    )
    info = await ensure_stream(
        api, replicas=replicas, duplicate_window=duplicate_window, begin=begin
    )
    return JetStreamStore(
        connection,
        replicas=info.config.num_replicas,
        attempt=attempt,
        patience=patience,
        doubt=doubt,
    )
