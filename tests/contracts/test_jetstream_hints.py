"""The shared hints of the store on JetStream: whoever reads them can be stopped at any moment."""

import asyncio
from contextlib import aclosing

import pytest

from events.ids import BEGINNING
from events.jetstream import JetStreamStore
from runtime.connection import Connection
from tests.contracts.sample_commits import ANNA, commit

WITHIN = 30.0


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_is_stopped_just_when_a_hint_comes_stops(
    jetstream_store: JetStreamStore, nats_connection: Connection, turns: int
) -> None:
    client = nats_connection.client
    asked = asyncio.Event()
    await client.subscribe_raw("$JS.API.CONSUMER.MSG.NEXT.>", lambda *_: asked.set())
    reading = asyncio.create_task(_read(jetstream_store))
    async with asyncio.timeout(WITHIN):
        await asked.wait()

    # Subscribed after the reader, so that this is told of a hint after the reader is.
    await client.subscribe_raw("_INBOX.>", lambda _, reply, *__: _stop(reading, reply, turns))
    await jetstream_store.append(ANNA, commit(), expected=BEGINNING, message_id="m1")

    ended, _ = await asyncio.wait([reading], timeout=WITHIN)
    reading.cancel()
    assert ended


async def _read(store: JetStreamStore) -> None:
    async with aclosing(store.hints()) as batches:
        async for _ in batches:
            pass


def _stop(reading: asyncio.Task[None], reply: bytes, turns: int) -> None:
    """Cancel the reader of a hint, which is to be acknowledged, so many turns of the event loop later."""
    if not reply.startswith(b"$JS.ACK."):
        return
    if turns:
        asyncio.get_running_loop().call_soon(_stop, reading, reply, turns - 1)
    else:
        reading.cancel()
