"""Two files of one projection at the same position: the same rows and versions, or which differ."""

import hashlib
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from msgspec import Struct

MOST_DIFFERENCES = 100


class Difference(Struct, frozen=True, kw_only=True):
    """A row whose values differ; None where there is no such row. Values are JSON, unless somebody wrote others.

    Without entity and id it is about the topic as a whole: its version, and whether it ended.
    """

    topic: str
    entity: str
    id: str
    live: str | None
    rebuilt: str | None


class _Row(NamedTuple):
    topic: str
    entity: str
    place: int
    id: str
    value: object
    position: int


class FrozenFile:
    """A snapshot of a file, unchanged while this is open, whatever is written to the file meanwhile."""

    def __init__(self, path: Path) -> None:
        uri = f"file:{quote(str(path))}?mode=ro"
        # Opened on the loop at the right moment, read in a thread afterwards.
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        self._db.execute("BEGIN")
        self._db.execute("SELECT position FROM checkpoint").fetchone()

    def close(self) -> None:
        self._db.close()

    def digest(self) -> str:
        """A hash of all rows with the positions they are from, and of all versions. Reads everything: call it in a thread."""
        digest = hashlib.blake2b(digest_size=16)
        for row in self.rows():
            digest.update(repr((row[:4], row.position)).encode() + _bytes(row.value))
        return digest.hexdigest()

    def rows(self) -> Iterator[_Row]:
        for row in self._db.execute(
            "SELECT topic, entity, place, id, value, position FROM rows UNION ALL"
            " SELECT topic, '', 0, '', CAST('{\"version\":' || quote(version) || ',\"ended\":'"
            " || quote(ended) || '}' AS BLOB), version FROM topics"
            " ORDER BY topic, entity, place, id"
        ):
            yield _Row(*row)


def differences(live: FrozenFile, rebuilt: FrozenFile) -> list[Difference]:
    """The first rows that differ, in the order of the table."""
    return list(islice(_differences(live.rows(), rebuilt.rows()), MOST_DIFFERENCES))


def _differences(live: Iterator[_Row], rebuilt: Iterator[_Row]) -> Iterator[Difference]:
    left, right = next(live, None), next(rebuilt, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[:4] < right[:4]):
            assert left is not None
            yield _difference(left, left, None)
            left = next(live, None)
        elif left is None or right[:4] < left[:4]:
            yield _difference(right, None, right)
            right = next(rebuilt, None)
        else:
            if left != right:
                yield _difference(left, left, right)
            left, right = next(live, None), next(rebuilt, None)


def _difference(key: _Row, live: _Row | None, rebuilt: _Row | None) -> Difference:
    return Difference(
        topic=key.topic,
        entity=key.entity,
        id=key.id,
        live=_bytes(live.value).decode(errors="replace") if live else None,
        rebuilt=_bytes(rebuilt.value).decode(errors="replace") if rebuilt else None,
    )


def _bytes(value: object) -> bytes:
    # SQLite keeps whatever type somebody wrote by hand; such a row is one of those to be found here.
    return value if isinstance(value, bytes) else repr(value).encode()
