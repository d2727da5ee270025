"""The same job with the library `eventsourcing` on SQLite (WAL, FULL), each part as it is fastest.

On the event loop and not in threads, with aggregates cached, and with the row written by a recorder
of its own in the transaction of the event: a projection that follows would commit once more.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.sqlite import SQLiteApplicationRecorder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.peers.eventsourcing_task import ROWS, Task
from bench.peers.serving import serve


class Recorder(SQLiteApplicationRecorder):
    """Stores events and the row they lead to in one transaction."""

    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), ROWS]

    def _insert_events(
        self, c: Any, stored_events: Any, row: tuple[str, int, str] = ("", 0, ""), **further: Any
    ) -> Sequence[int] | None:
        c.execute(
            "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET version = excluded.version, title = excluded.title",
            row,
        )
        found: Sequence[int] | None = super()._insert_events(c, stored_events, **further)
        return found


def application(file: str) -> Starlette:
    tasks: Application[UUID] = Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": file,
            "APPLICATION_RECORDER_TOPIC": f"{Recorder.__module__}:{Recorder.__qualname__}",
            "AGGREGATE_CACHE_MAXSIZE": "10000",
            "AGGREGATE_CACHE_FASTFORWARD": "n",
        }
    )

    async def rename(request: Request) -> Response:
        command: dict[str, str] = json.loads(await request.body())
        try:
            task: Task = tasks.repository.get(Task.create_id(command["id"]))
        except AggregateNotFoundError:
            task = Task(command["id"])
        task.rename(command["title"])
        tasks.save(task, row=(command["id"], task.version, command["title"]))
        return JSONResponse({"version": task.version}, status_code=202)

    return Starlette(routes=[Route("/rename", rename, methods=["POST"])])


if __name__ == "__main__":
    serve(application(sys.argv[1]))
