"""A log of some length in a nats-server of its own, for a bench to read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.history import Message, history
from events.jetstream import JetStreamStore, open_store
from events.jetstream_messages import MESSAGE_ID, stored_id
from runtime.connection import Connection, connect
from runtime.embedded_server import EmbeddedServer, embedded_server

WINDOW = 1000
"""Messages on their way before one is waited for: the server drops what it cannot keep up with."""
ANSWER_SECONDS = 60.0


class WrittenLog(NamedTuple):
    """`events` is how many there are in it."""

    server: EmbeddedServer
    store: JetStreamStore
    events: int


@asynccontextmanager
async def written_log(folder: Path, events: int) -> AsyncIterator[WrittenLog]:
    """A log of so many events, or a few more."""
    async with (
        embedded_server(folder, durability="os") as server,
        connect(server.url, user=server.user, password=server.password) as connection,
    ):
        store = await open_store(connection)
        yield WrittenLog(server, store, await write_log(connection, store, events))


async def write_log(connection: Connection, store: JetStreamStore, events: int) -> int:
    """Write so many events, or a few more, into an empty log; gives how many."""
    # Not through the store, whose every append waits for its acknowledgement.
    messages, written, sent = history(events), 0, 0
    while window := list(islice(messages, WINDOW)):
        for message in window[:-1]:
            await connection.client.publish(
                message.subject, message.body, headers=_headers(message)
            )
        last = window[-1]
        await connection.request(
            last.subject, last.body, headers=_headers(last), within=ANSWER_SECONDS
        )
        sent += len(window)
        written += sum(message.events for message in window)
    if (head := await store.head()) != sent:
        raise SystemExit(f"The server kept {head} of {sent} messages.")
    return written


def _headers(message: Message) -> dict[str, str]:
    return {MESSAGE_ID: stored_id(message.subject, message.message_id)}
