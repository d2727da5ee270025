"""How fast the library `eventsourcing` makes rows anew from so many events: `python -m … <file> <events>` prints the rate.

The application's sequence is read in large sections, as the library's own runners do on SQLite, and each
event handed to a projection that writes one row and how far it is in one transaction: it offers no
larger ones. The events are small, of one kind and in a file; the rows are in memory, which spares it the disk.
"""

import sys
import time
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteFactory, SQLiteTrackingRecorder

from bench.peers.eventsourcing_task import ROWS, Task

EVENTS_OF_A_TASK = 100
SECTION = 1000


class Tasks(Application[UUID]):
    name = "tasks"


class Rows(SQLiteTrackingRecorder):
    """Stores a row and how far the projection is in one transaction."""

    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), ROWS]

    def put(self, id: UUID, version: int, title: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as c:
            self._insert_tracking(c, tracking)
            c.execute(
                "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET version = excluded.version, title = excluded.title",
                (str(id), version, title),
            )


class TaskRows(Projection[Rows]):
    name = "rows"

    @singledispatchmethod
    def process_event(self, happened: Any, tracking: Tracking) -> None:
        self.view.put(happened.originator_id, happened.originator_version, "", tracking)

    @process_event.register
    def _renamed(self, happened: Task.Renamed, tracking: Tracking) -> None:  # type: ignore[name-defined]
        id, version = happened.originator_id, happened.originator_version
        self.view.put(id, version, happened.title, tracking)


def main(file: str, events: int) -> None:
    persistence = {"PERSISTENCE_MODULE": "eventsourcing.sqlite"}
    tasks = Tasks({**persistence, "SQLITE_DBNAME": file})
    for number in range(events // EVENTS_OF_A_TASK):
        task = Task(f"Task {number}")
        for step in range(EVENTS_OF_A_TASK - 1):
            task.rename(f"Title {step} of task {number}")
        tasks.save(task)
    in_memory = {**persistence, "SQLITE_DBNAME": "file:rows?mode=memory&cache=shared"}
    rows = TaskRows(SQLiteFactory(in_memory).tracking_recorder(Rows))
    folded, began = 0, time.perf_counter()
    while section := tasks.recorder.select_notifications(folded + 1, SECTION):
        for notification in section:
            happened: Any = tasks.mapper.to_domain_event(notification)
            rows.process_event(happened, Tracking(tasks.name, notification.id))
        folded = section[-1].id
    print(folded / (time.perf_counter() - began))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
