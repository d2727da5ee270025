"""Read the log from a position on, for ever: without a gap, without a double, through every restart of the server."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

from events.commit import Recorded
from events.ids import Position
from events.jetstream_api import ApiError, JetStreamApi
from events.jetstream_messages import Messages
from events.jetstream_pull import Broken, Pull, start_pull
from events.jetstream_stream import stream_info
from events.store import LostTail
from runtime.errors import Unavailable

log = logging.getLogger(__name__)

BATCH = 64
"""Few enough that what was decoded is still in the processor's cache when it is folded."""
PAUSE_SECONDS = 0.5


class Reader:
    """One reading of the log. Consumers come and go beneath it; its position only grows."""

    def __init__(
        self, api: JetStreamApi, messages: Messages, *, after: Position, doubt: float
    ) -> None:
        self._api = api
        self._messages = messages
        self._position = after
        self._last: Recorded | None = None
        self._created: str | None = None
        self._doubt_seconds = doubt

    async def batches(self) -> AsyncGenerator[Sequence[Recorded], None]:
        """What is there, at most `BATCH` at a time. Raises `LostTail`; every other trouble is waited out."""
        while True:
            pull: Pull | None = None
            try:
                await self._check_log_is_whole()
                pull = await start_pull(self._api, self._position)
                while True:
                    await pull.wait()
                    if batch := await self._batch(pull):
                        yield batch
            except Broken as reason:
                log.info("log is read by a new consumer", extra=self._fields(reason))
            except (Unavailable, ApiError) as reason:
                log.warning("log cannot be read, waiting", extra=self._fields(reason))
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                if pull is not None:
                    await pull.stop()

    async def _batch(self, pull: Pull) -> Sequence[Recorded]:
        batch: list[Recorded] = []
        while len(batch) < BATCH and (position := pull.peek()) is not None:
            if position <= self._position:
                raise Broken(f"position {position} came after {self._position}")
            taken = pull.take(self._position, BATCH - len(batch))
            if not taken and (missing := await self._missing(before=position)) is not None:
                taken = [missing]
            if taken:
                batch += taken
                self._last = taken[-1]
                self._position = self._last.position
        await pull.ask_for_more()
        return batch

    async def _missing(self, *, before: Position) -> Recorded | None:
        """The next message, which the consumer has not sent; None when it was deleted from the stream."""
        found = await self._messages.next(self._position)
        if found is None:
            raise Broken(f"position {before} came and is not in the stream")
        if found.position < before:
            log.error("a consumer left a message out", extra={"position": found.position})
            return found
        log.warning(
            "commits were deleted from the log",
            extra={"after": self._position, "before": found.position},
        )
        self._position = Position(found.position - 1)
        return None

    async def _check_log_is_whole(self) -> None:
        doubtful_until = asyncio.get_running_loop().time() + self._doubt_seconds
        while True:
            try:
                return await self._compare()
            except LostTail:
                # A leader that was cut off, or a new one that has not applied all it has?
                if asyncio.get_running_loop().time() >= doubtful_until:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _compare(self) -> None:
        info = await stream_info(self._api)
        if self._created is not None and info.created != self._created:
            raise LostTail(f"the log was made anew at {info.created}")
        if info.state.last_seq < self._position:
            raise LostTail(f"the log ends at {info.state.last_seq}, before {self._position}")
        self._created = info.created
        if self._last is None:
            return
        stored = await self._messages.at(self._last.position)
        if stored is not None and not _same(stored, self._last):
            raise LostTail(f"another commit than before stands at {self._last.position}")

    def _fields(self, reason: Exception) -> dict[str, object]:
        return {"position": self._position, "reason": str(reason)}


def _same(one: Recorded, other: Recorded) -> bool:
    return (one.subject, one.message_id, one.body) == (other.subject, other.message_id, other.body)
