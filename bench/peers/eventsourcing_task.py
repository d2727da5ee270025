"""A task as the library `eventsourcing` writes one, and the table of its rows."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

ROWS = "CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, version INTEGER, title TEXT)"


class Task(Aggregate):
    def __init__(self, name: str) -> None:
        self.name = name
        self.title = ""

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(NAMESPACE_URL, name)

    @event("Renamed")
    def rename(self, title: str) -> None:
        self.title = title
