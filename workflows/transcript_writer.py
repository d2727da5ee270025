"""Writes what an agent says into the log: every entry in order, many in one commit, durable before it is shown."""

import asyncio
import logging
import secrets
import time
from collections import deque

import msgspec

from commands.transcript import TRANSCRIPT, appended
from events.fact import Blob
from events.ids import BEGINNING, OrganizationId, Position, SessionId, TaskId
from events.store import EventStore
from events.transcript import Entry
from runtime.errors import Unavailable
from workflows.steady_reports import SteadyReports

FLUSH_SECONDS = 0.05
COMMIT_BYTES = 192 * 1024
COMMIT_ENTRIES = 64
"""At most this many entries go into one commit: it is folded in one go, which must not take long."""

REST = 5
LONGEST_REST = 0.1
"""Between full commits the writer rests five times as long as the last one took: most of the time is everybody else's."""

INLINE_BYTES = 128 * 1024
PENDING_BYTES = 1024 * 1024

RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()


class TranscriptWriter:
    """The one writer of a session's transcript while a turn runs.

    `add` only notes an entry down; `run` appends what has gathered, at most every 50 ms, 192 KB or 64 entries.
    `has_room` is what the reader of the agent waits for, so that what waits here stays below 1 MB.
    """

    def __init__(
        self,
        reports: SteadyReports,
        store: EventStore,
        *,
        organization_id: OrganizationId,
        task_id: TaskId,
        session_id: SessionId,
        correlation_id: str = "",
    ) -> None:
        self._reports = reports
        self._store = store
        self._organization_id = organization_id
        self._task_id = task_id
        self._session_id = session_id
        self._correlation_id = correlation_id
        self._pending: deque[tuple[Entry, int]] = deque()
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._appending = asyncio.Lock()
        self._batch: tuple[list[Entry], str] | None = None
        self.position = BEGINNING
        """The position of the last commit this writer made, 0 before the first."""

    def add(self, entry: Entry) -> None:
        """Note one entry down; it is durable after the next `flush`."""
        size = len(_encoder.encode(entry))
        self._pending.append((entry, size))
        self._pending_bytes += size
        self._wake.set()
        if self._pending_bytes >= PENDING_BYTES:
            self._room.clear()

    async def has_room(self) -> None:
        """Wait until more may be added."""
        await self._room.wait()

    async def run(self) -> None:
        """Append what gathers, until cancelled. Whoever cancels calls `flush` afterwards."""
        while True:
            await self._wake.wait()
            if self._pending_bytes < COMMIT_BYTES:
                await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> Position:
        """Append everything noted so far, however long the store stays away; the position of the last commit."""
        async with self._appending:
            while self._batch or self._pending:
                # Kept until it is stored: whoever flushes after a cancelled flush sends the same
                # batch under the same id, so that it stands in the log once.
                self._batch = self._batch or await self._next_batch()
                began = time.monotonic()
                self.position = await self._append(*self._batch)
                self._batch = None
                if self._pending:
                    await asyncio.sleep(min(LONGEST_REST, REST * (time.monotonic() - began)))
            self._wake.clear()
            return self.position

    async def finish(self) -> Position:
        """`flush` for the last time; nothing more is written to a transcript that cannot be read any more."""
        try:
            return await self.flush()
        except Unavailable as error:
            log.error("transcript stays as it is", extra={"reason": error.detail})
            return self.position

    def drop(self) -> None:
        """Forget what was noted and is not stored."""
        self._pending.clear()
        self._pending_bytes = 0
        self._batch = None
        self._room.set()

    async def _next_batch(self) -> tuple[list[Entry], str]:
        taken, size = 0, 0
        for _, entry_size in self._pending:
            size += min(entry_size, INLINE_BYTES)
            if taken and (size > COMMIT_BYTES or taken == COMMIT_ENTRIES):
                break
            taken += 1
        entries = [await self._small(*self._pending[index]) for index in range(taken)]
        for _ in range(taken):
            self._pending_bytes -= self._pending.popleft()[1]
        if self._pending_bytes < PENDING_BYTES:
            self._room.set()
        return entries, f"{self._session_id}/{secrets.token_hex(8)}"

    async def _small(self, entry: Entry, size: int) -> Entry:
        """The entry as it may stand in the log: large content goes to a blob."""
        if size <= INLINE_BYTES:
            return entry
        # Judged by what it takes in the log: a zero byte takes six there.
        content = entry.text.encode() if entry.text is not None else _encoder.encode(entry.payload)
        blob = await self._blob_of(content)
        # What is too long stands in the message's own history only.
        small = len(_encoder.encode(entry.attachments)) <= INLINE_BYTES
        attachments = entry.attachments if small else ()
        return msgspec.structs.replace(
            entry, text=None, payload=None, blob=blob, attachments=attachments
        )

    async def _blob_of(self, content: bytes) -> Blob:
        while True:
            try:
                return await self._store.put_blob(content)
            except Unavailable as error:
                log.warning("blob waits for the event store", extra={"reason": error.detail})
                await asyncio.sleep(RETRY_SECONDS)

    async def _append(self, entries: list[Entry], report_id: str) -> Position:
        position, _ = await self._reports.report(
            TRANSCRIPT,
            self._session_id,
            lambda transcript: appended(
                transcript,
                organization_id=self._organization_id,
                task_id=self._task_id,
                session_id=self._session_id,
                entries=entries,
            ),
            report_id=report_id,
            correlation_id=self._correlation_id,
        )
        return position
