"""An event store in memory, for tests and examples: the same promises, gone with the process."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence

from events import codec
from events.commit import Commit, Recorded
from events.fact import Blob
from events.ids import BEGINNING, Position
from events.store import ALL, MAX_COMMIT_BYTES, AlreadyStored, Limit, LostTail, StalePosition

BATCH = 1000


class MemoryStore:
    def __init__(self) -> None:
        self._log: list[Recorded | None] = []
        self._subjects: dict[str, list[Recorded]] = {}
        self._blobs: dict[str, bytes] = {}
        self._grown = asyncio.Condition()

    @property
    def doubt_seconds(self) -> float:
        return 0.0

    async def append(
        self, subject: str, commit: Commit, *, expected: Position, message_id: str
    ) -> Position:
        history = self._subjects.setdefault(subject, [])
        body = codec.encode(commit)
        if len(body) > MAX_COMMIT_BYTES:
            raise ValueError(f"A commit of {len(body)} bytes: put large content into a blob.")
        for one in reversed(history):
            if one.message_id == message_id:
                behind = next((other for other in history if other.position > expected), None)
                if behind is one and one.body == body:
                    return one.position
                raise AlreadyStored(one.position)
        if (history[-1].position if history else BEGINNING) != expected:
            raise StalePosition(f"{subject} is no longer at {expected}.")
        position = Position(len(self._log) + 1)
        recorded = Recorded(
            position=position,
            subject=subject,
            message_id=message_id,
            body=body,
            decode=codec.decode,
        )
        self._log.append(recorded)
        history.append(recorded)
        async with self._grown:
            self._grown.notify_all()
        return position

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        return limit.of(one for one in self._subjects.get(subject, ()) if one.position > after)

    async def last(self, subject: str) -> Recorded | None:
        history = self._subjects.get(subject)
        return history[-1] if history else None

    async def at(self, position: Position) -> Recorded | None:
        return self._log[position - 1] if 0 < position <= len(self._log) else None

    async def head(self) -> Position:
        return next((one.position for one in reversed(self._log) if one), BEGINNING)

    async def end(self) -> Position:
        return Position(len(self._log))

    async def read(self, after: Position) -> AsyncGenerator[Sequence[Recorded], None]:
        if after > len(self._log):
            raise LostTail(f"the log ends at {len(self._log)}, before {after}")
        position = int(after)
        while True:
            async with self._grown:
                while len(self._log) <= position:
                    await self._grown.wait()
            found = self._log[position : position + BATCH]
            position += len(found)
            if batch := [one for one in found if one is not None]:
                yield batch

    def delete(self, position: Position) -> None:
        """Take one commit out, as an operator may; its position stays empty."""
        deleted = self._log[position - 1]
        assert deleted is not None
        self._log[position - 1] = None
        self._subjects[deleted.subject].remove(deleted)

    async def put_blob(self, content: bytes) -> Blob:
        blob = Blob(id=hashlib.sha256(content).hexdigest(), size=len(content))
        self._blobs[blob.id] = content
        return blob

    async def get_blob(self, blob_id: str) -> bytes | None:
        return self._blobs.get(blob_id)
