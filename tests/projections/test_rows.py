"""A projection's rows ask the file only what they cannot know themselves."""

from collections.abc import Sequence

from events.ids import Position
from projectors.rows import LARGE, Row, Rows
from projectors.stored_rows import RowKey


class Note(Row, frozen=True):
    text: str


class Shelf:
    """Where rows are, and what was asked for."""

    def __init__(self) -> None:
        self.stored: dict[RowKey, bytes] = {}
        self.asked: list[RowKey | str] = []

    def value(self, key: RowKey) -> bytes | None:
        self.asked.append(key)
        return self.stored.get(key)

    def keys(self, topic: str, entity: str | None) -> Sequence[RowKey]:
        return [key for key in self.stored if key[0] == topic and entity in (None, key[1])]

    def has(self, topic: str) -> bool:
        self.asked.append(topic)
        return any(key[0] == topic for key in self.stored)

    def take(self, rows: Rows) -> None:
        """Store what is pending, as a file does in a transaction."""
        rows.seal(Position(1))
        for written in rows.pending.values():
            for key, row in written.items():
                self.stored[key] = row.encoded()
        rows.flushed()
        self.asked.clear()


def test_whatever_is_looked_for_in_a_new_topic_the_file_is_asked_once() -> None:
    shelf = Shelf()
    rows = Rows(shelf)

    for id in ("a", "b", "c"):
        assert rows.get("task/1", "note", id, Note) is None

    assert shelf.asked == ["task/1"]


def test_a_row_that_is_not_there_is_asked_for_once_and_found_when_it_was_written() -> None:
    shelf = Shelf()
    rows = Rows(shelf)
    rows.put("task/1", "note", "a", Note("first"))
    shelf.take(rows)

    assert rows.get("task/1", "note", "b", Note) is None
    assert rows.get("task/1", "note", "b", Note) is None
    rows.remove("task/1", "note", "b")
    assert shelf.asked == [("task/1", "note", "b")]

    rows.put("task/1", "note", "b", Note("second"))
    shelf.take(rows)
    assert rows.get("task/1", "note", "b", Note) == Note("second")


def test_a_topic_that_was_new_is_looked_up_after_its_rows_went_into_the_file() -> None:
    shelf = Shelf()
    rows = Rows(shelf)
    large = Note("x" * LARGE)

    assert rows.get("task/1", "note", "a", Note) is None
    rows.put("task/1", "note", "a", large)
    shelf.take(rows)

    assert rows.get("task/1", "note", "a", Note) == large
    assert shelf.asked == [("task/1", "note", "a")]


def test_what_waits_is_counted_once_for_each_row() -> None:
    shelf = Shelf()
    rows = Rows(shelf)

    rows.put("task/1", "note", "a", Note("first"))
    rows.seal(Position(1))
    rows.put("task/1", "note", "a", Note("second"))
    rows.put("task/1", "note", "b", Note("third"))
    assert rows.waiting == 2

    rows.undo()
    assert rows.waiting == 1
    shelf.take(rows)
    assert rows.waiting == 0
