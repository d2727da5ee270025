"""Starlette and sqlite3 by hand: insert the event, update the row, commit with `synchronous=FULL`, answer."""

import json
import sqlite3
import sys
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.peers.serving import serve

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE events (id TEXT, version INTEGER, body TEXT, PRIMARY KEY (id, version)) WITHOUT ROWID;
CREATE TABLE tasks (id TEXT PRIMARY KEY, version INTEGER, title TEXT) WITHOUT ROWID;
"""


def application(file: str) -> Starlette:
    database = sqlite3.connect(file, isolation_level=None, cached_statements=16)
    database.executescript(SCHEMA)

    async def rename(request: Request) -> Response:
        command: dict[str, Any] = json.loads(await request.body())
        database.execute("BEGIN IMMEDIATE")
        row = database.execute(
            "SELECT version FROM tasks WHERE id = ?", (command["id"],)
        ).fetchone()
        version = row[0] + 1 if row else 1
        event = json.dumps({"type": "task_renamed", **command})
        database.execute("INSERT INTO events VALUES (?, ?, ?)", (command["id"], version, event))
        database.execute(
            "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET version = excluded.version, title = excluded.title",
            (command["id"], version, command["title"]),
        )
        database.execute("COMMIT")
        return JSONResponse({"version": version}, status_code=202)

    return Starlette(routes=[Route("/rename", rename, methods=["POST"])])


if __name__ == "__main__":
    serve(application(sys.argv[1]))
