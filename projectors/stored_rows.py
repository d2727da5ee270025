"""Where a projection's rows are when they are not pending: in its file, or nowhere."""

from collections.abc import Sequence
from typing import Protocol

RowKey = tuple[str, str, str]
"""Topic, entity, id."""


class StoredRows(Protocol):
    """Rows that are not pending. Implemented by the projection's file and by `NoRows`."""

    def value(self, key: RowKey) -> bytes | None:
        """The row's JSON, None when there is no such row."""

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        """All rows of a topic, or those of one entity, in the order of the view."""

    def has(self, topic: str) -> bool:
        """Whether the topic has any row."""


class NoRows:
    """No rows at all: for folding a history in memory."""

    def value(self, key: RowKey) -> bytes | None:
        return None

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        return ()

    def has(self, topic: str) -> bool:
        return False
