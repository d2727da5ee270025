"""The questions a projection's file is asked, on read-only connections of their own.

Each question is one statement, so it sees one state of the file, and costs one hop to the
connection's thread.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import aiosqlite
import msgspec

from events.fact import Blob
from events.ids import OrganizationId, Position, TaskId
from projectors.assembly import assemble
from projectors.blob_referrers import blob_topic
from projectors.projection import Projection
from projectors.task_files import Text
from projectors.views import Change, Snapshot, snapshot_of
from runtime.damage import is_damaged, taken_away_if_damaged
from runtime.errors import Unavailable
from runtime.storage_errors import storage_refusal

log = logging.getLogger(__name__)

CONNECTIONS = 2
MOST_CHANGES = 2000
DEADLINE = 10.0
"""Seconds one question may take before the caller is told to come again."""


class Reader:
    """Reads of one file. `epoch` gives the one its rows have now."""

    def __init__(self, projection: Projection, epoch: Callable[[], str], path: Path) -> None:
        self._projection = projection
        self._epoch = epoch
        self._path = path
        self._connections: list[aiosqlite.Connection] = []
        self._turn = 0

    async def open(self) -> None:
        uri = f"file:{quote(str(self._path))}?mode=ro"
        try:
            for _ in range(CONNECTIONS):
                connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
                self._connections.append(connection)
                await connection.execute("PRAGMA cache_size = -8000")
                await connection.create_function("folded", 1, _folded, deterministic=True)
        except BaseException:
            # The thread of one that is left open keeps the process from ending.
            await self.close()
            raise

    async def close(self) -> None:
        # Whoever got this reader just now asks first: a connection answers what it was asked before its end.
        await asyncio.sleep(0)
        for connection in self._connections:
            await connection.close()

    async def version(self, topic: str) -> Position | None:
        found = await self._ask(
            "SELECT version FROM topics WHERE topic = ? AND NOT ended", (topic,)
        )
        return Position(found[0][0]) if found else None

    async def snapshot(self, topic: str) -> Snapshot | None:
        view = self._projection.view_of(topic)
        if view.window is not None:
            return await self._window(topic, _ALL, view.window)
        # Hidden entities begin with an underscore, which sorts below all letters.
        found = await self._ask(
            "SELECT topics.version, rows.entity, rows.value FROM topics JOIN rows USING (topic)"
            " WHERE topics.topic = ? AND NOT topics.ended AND rows.entity >= 'a'"
            " ORDER BY rows.entity, rows.place, rows.id",
            (topic,),
        )
        return self._snapshot(topic, found)

    async def page(self, topic: str, *, before: int, limit: int) -> Snapshot | None:
        """Like `snapshot` for a numbered list: its newest `limit` elements below `before`."""
        return await self._window(topic, before, limit)

    async def changes(self, topic: str, after: Position) -> Sequence[Change] | None:
        """Oldest first; None when something in between is no longer known, or the topic is not there."""
        found = await self._ask(
            "SELECT topics.version, topics.ended, changes.base, changes.position,"
            " changes.changes, changes.cause"
            " FROM topics LEFT JOIN changes ON changes.topic = topics.topic AND changes.position > ?"
            " WHERE topics.topic = ? ORDER BY changes.position LIMIT ?",
            (after, topic, MOST_CHANGES + 1),
        )
        # Beyond some number the whole view is the smaller answer.
        if not found or found[0][1] or len(found) > MOST_CHANGES:
            return None
        if found[0][0] <= after:
            return ()
        # Each change names the version it stands on: the first one must stand on what is held.
        if found[0][2] is None or found[0][2] > after:
            return None
        return [
            Change(
                topic=topic,
                epoch=self._epoch(),
                base=base,
                version=position,
                changes=changes,
                cause=cause,
            )
            for _, _, base, position, changes, cause in found
        ]

    async def tasks(
        self,
        organization_id: OrganizationId,
        *,
        status: str | None,
        q: str | None,
        after: TaskId | None,
        limit: int,
    ) -> Sequence[bytes]:
        """Rows of a workspace's tasks as JSON, by id; `q` is looked for in title and branch, in any case."""
        wanted = _folded(q)
        found = await self._ask(
            "SELECT value FROM rows"
            " WHERE topic = ? AND entity = 'task' AND place = 0 AND id > ?"
            " AND (? IS NULL OR json_extract(CAST(value AS TEXT), '$.status') = ?)"
            " AND (? IS NULL OR instr(folded(json_extract(CAST(value AS TEXT), '$.title')), ?)"
            " OR instr(folded(json_extract(CAST(value AS TEXT), '$.branch')), ?))"
            " ORDER BY id LIMIT ?",
            (f"workspace/{organization_id}", after or "", status, status, *[wanted] * 3, limit),
        )
        return [row[0] for row in found]

    async def text(self, topic: str, entity: str, path: str) -> str | Blob | None:
        """A hidden patch or content, None where there is none to show."""
        found = await self._ask(
            "SELECT value FROM rows WHERE topic = ? AND entity = ? AND place = 0 AND id = ?",
            (topic, entity, path),
        )
        if not found:
            return None
        text = msgspec.json.decode(found[0][0], type=Text)
        return text.blob or text.text

    async def has(self, topic: str, entity: str, id: str) -> bool:
        """Whether a view lists such an element."""
        found = await self._ask(
            "SELECT 1 FROM rows WHERE topic = ? AND entity = ? AND place = 0 AND id = ?",
            (topic, entity, id),
        )
        return bool(found)

    async def texts(self, topic: str, entity: str) -> Sequence[str | Blob]:
        """All hidden patches or contents of a topic that there are, by path."""
        found = await self._ask(
            "SELECT value FROM rows WHERE topic = ? AND entity = ? AND place = 0 ORDER BY id",
            (topic, entity),
        )
        texts = [msgspec.json.decode(row[0], type=Text) for row in found]
        shown = [text.blob or text.text for text in texts]
        return [text for text in shown if text is not None]

    async def referrers(self, blob_id: str, *, limit: int) -> Sequence[str]:
        """Topics of this projection that refer, or once referred, to a blob."""
        found = await self._ask(
            "SELECT substr(entity, 2), id FROM rows WHERE topic = ? LIMIT ?",
            (blob_topic(blob_id), limit),
        )
        return [f"{kind}/{id}" for kind, id in found]

    async def names_blob(self, topic: str, blob_id: str) -> bool:
        """Whether a topic refers to a blob; what an agent wrote cannot pretend so."""
        kind, _, id = topic.partition("/")
        found = await self._ask(
            "SELECT 1 FROM rows WHERE topic = ? AND entity = ? AND place = 0 AND id = ?",
            (blob_topic(blob_id), f"_{kind}", id),
        )
        return bool(found)

    # --- Inside ---

    async def _window(self, topic: str, before: int, limit: int) -> Snapshot | None:
        entity = next(iter(self._projection.view_of(topic).lists.values()))
        found = await self._ask(
            "SELECT * FROM (SELECT topics.version, rows.entity, rows.value, rows.place"
            " FROM topics JOIN rows USING (topic)"
            " WHERE topics.topic = ? AND NOT topics.ended AND rows.entity = ? AND rows.place < ?"
            " ORDER BY rows.place DESC LIMIT ?)"
            " UNION ALL SELECT topics.version, rows.entity, rows.value, -1"
            " FROM topics JOIN rows USING (topic)"
            " WHERE topics.topic = ? AND NOT topics.ended AND rows.entity = 'self'"
            " ORDER BY 4",
            (topic, entity, before, limit, topic),
        )
        return self._snapshot(topic, [row[:3] for row in found])

    def _snapshot(self, topic: str, found: Sequence[tuple[Any, ...]]) -> Snapshot | None:
        if not found:
            return None
        view = self._projection.view_of(topic)
        return snapshot_of(
            topic,
            epoch=self._epoch(),
            version=found[0][0],
            data=assemble(view, ((entity, value) for _, entity, value in found)),
        )

    async def _ask(self, sql: str, values: tuple[object, ...]) -> Sequence[tuple[Any, ...]]:
        self._turn = (self._turn + 1) % len(self._connections)
        try:
            with taken_away_if_damaged(self._path):
                async with asyncio.timeout(DEADLINE):
                    found = await self._connections[self._turn].execute_fetchall(sql, values)
        except TimeoutError:
            raise Unavailable("Reading the view took too long; try again.") from None
        except sqlite3.Error as error:
            if not is_damaged(error) and storage_refusal(error) is None:
                raise
            log.error(
                "a view cannot be read", extra={"file": str(self._path), "reason": f"{error}"}
            )
            raise Unavailable("The rows of the view cannot be read now; try again.") from error
        return list(found)  # type: ignore[arg-type]


_ALL = 2**62


def _folded(text: str | None) -> str | None:
    """Text in one case and one spelling, in every script: SQLite's own `lower` knows ASCII only."""
    if text is None:
        return None
    # An accent may be a character of its own, as in names of files that come from a Mac.
    return normalize("NFC", normalize("NFC", text).casefold())
