"""Loading an aggregate that no process holds, beside asking the server for its messages and nothing more."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from statistics import median
from typing import cast
from urllib.parse import urlsplit

from bench.prepared import organizations, submitted
from bench.result import Goal, Result, result
from bench.scenery import node
from bench.topology import log_server, shared
from commands.aggregates import Aggregates
from commands.organization import ORGANIZATION
from commands.state_file import LONG, StateFile
from events.jetstream import open_store
from events.store import STREAM, subject_of
from runtime.connection import connect
from runtime.embedded_server import EmbeddedServer

COMMITS = (10, 1000)
END_OF_BATCH = b"NATS/1.0 204"


async def measure(*, quick: bool) -> AsyncIterator[Result]:
    """Read, checked for losses, decoded and folded; in turn with a direct get of the same messages.

    A node folds a long history once, and goes on from what it kept (`commands.state_file`): both are shown.
    """
    rounds, loads = (3, 20) if quick else (7, 50)
    async with log_server("os") as (folder, server):
        with node(folder / "node", "commands", **shared(server)) as running:
            ids = await organizations(running, len(COMMITS))
            for organization_id, commits in zip(ids, COMMITS, strict=True):
                await submitted(
                    running,
                    [
                        {
                            "name": "organization.update",
                            "data": {"organization_id": organization_id, "name": f"Name {number}"},
                        }
                        for number in range(commits - 1)
                    ],
                )
        async with connect(server.url, user=server.user, password=server.password) as connection:
            store = await open_store(connection)
            raw = await _raw(server)
            for organization_id, commits in zip(ids, COMMITS, strict=True):
                subject = subject_of(ORGANIZATION.name, organization_id)

                async def cold(
                    states: StateFile | None, organization_id: str = organization_id
                ) -> None:
                    await Aggregates(store, states=states).load(ORGANIZATION, organization_id)

                async def direct(subject: str = subject, commits: int = commits) -> None:
                    await raw.history(subject, commits)

                kept = StateFile(folder / f"{commits}.sqlite3")
                await cold(kept)
                ours, first, limits = [], [], []
                for _ in range(rounds):
                    ours.append(await _milliseconds(partial(cold, kept), loads))
                    first.append(await _milliseconds(partial(cold, None), loads))
                    limits.append(await _milliseconds(direct, loads))
                kept.close()
                of = f"cold load of an aggregate of {commits:,} commits"
                goal = Goal("limit", 2, at_most=True)
                yield result(of, ours, "ms", limit=median(limits), goal=goal)
                if commits >= LONG:
                    yield result(f"{of}, the first", first, "ms", limit=median(limits), goal=goal)
            raw.transport.close()


async def _milliseconds(load: Callable[[], Awaitable[None]], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        await load()
        found.append(time.perf_counter() - began)
    return median(found) * 1000


class _RawReader(asyncio.Protocol):
    """Asks for the messages of a subject and waits for the last byte of the answer; looks into none."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._login = json.dumps(
            {"user": server.user, "pass": server.password, "verbose": False, "headers": True}
        )
        self._tail = b""
        self._ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(f"CONNECT {self._login}\r\nSUB _RAW 1\r\n".encode())

    def data_received(self, data: bytes) -> None:
        tail = self._tail + data
        if self._ended is not None and END_OF_BATCH in tail:
            self._ended.set_result(None)
            self._ended = None
            tail = b""
        elif data == b"PING\r\n":
            self.transport.write(b"PONG\r\n")
        self._tail = tail[-len(END_OF_BATCH) :]

    async def history(self, subject: str, many: int) -> None:
        self._ended = ended = asyncio.get_running_loop().create_future()
        body = json.dumps({"seq": 1, "next_by_subj": subject, "batch": many})
        line = f"PUB $JS.API.DIRECT.GET.{STREAM} _RAW {len(body)}\r\n{body}\r\n"
        self.transport.write(line.encode())
        async with asyncio.timeout(30):
            await ended


async def _raw(server: EmbeddedServer) -> _RawReader:
    place = urlsplit(server.url)
    _, reader = await asyncio.get_running_loop().create_connection(
        lambda: _RawReader(server), place.hostname or "127.0.0.1", place.port or 0
    )
    return reader
