"""The shared hints of the store on JetStream: one of all readers is told, nothing is kept, and each can be stopped at any moment."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from events.ids import BEGINNING
from events.jetstream import JetStreamStore
from events.store import STREAM, subject_of
from runtime.connection import Connection
from tests.contracts.sample_commits import ANNA, commit, fill, hints_of, read_hints

TASK = subject_of("task", "task_1")
API = "$JS.API.CONSUMER"
WITHIN = 30.0


async def test_each_commit_is_told_to_one_of_all_who_read(
    jetstream_store: JetStreamStore, nats_connection: Connection
) -> None:
    asked = await _Asked.since_now(nats_connection)
    async with hints_of(jetstream_store) as one, hints_of(jetstream_store) as other:
        await asked.times(2)
        positions = await fill(jetstream_store, 200, subject=TASK)
        await _until(lambda: len(one) + len(other) == len(positions))

    assert sorted([*one, *other]) == positions
    assert one
    assert other


async def test_only_what_may_announce_a_job_is_told(
    jetstream_store: JetStreamStore, nats_connection: Connection
) -> None:
    asked = await _Asked.since_now(nats_connection)
    async with hints_of(jetstream_store) as told:
        await asked.times(1)
        await fill(jetstream_store, 3, subject=ANNA)
        await fill(jetstream_store, 3, subject=subject_of("transcript", "ses_1"))
        positions = [
            (await fill(jetstream_store, 1, subject=subject_of(kind, "one_1")))[0]
            for kind in ("organization", "repository", "task", "job")
        ]
        await _until(lambda: len(told) >= len(positions))

    assert told == positions


async def test_hints_go_on_when_the_server_has_forgotten_whom_to_tell(
    jetstream_store: JetStreamStore, nats_connection: Connection
) -> None:
    asked = await _Asked.since_now(nats_connection)
    async with hints_of(jetstream_store) as told:
        await asked.times(1)
        [consumer] = await _consumers(nats_connection)
        await nats_connection.request(f"{API}.DELETE.{STREAM}.{consumer}", b"", within=WITHIN)
        await asked.times(2)
        positions = await fill(jetstream_store, 3, subject=TASK)
        await _until(lambda: len(told) >= len(positions))

    assert told == positions


async def test_the_consumer_of_older_code_is_removed(
    jetstream_store: JetStreamStore, nats_connection: Connection
) -> None:
    config = {"durable_name": "workers", "ack_policy": "explicit"}
    await nats_connection.request(
        f"{API}.CREATE.{STREAM}.workers",
        msgspec.json.encode({"stream_name": STREAM, "config": config}),
        within=WITHIN,
    )
    assert await _consumers(nats_connection) == ["workers"]

    asked = await _Asked.since_now(nats_connection)
    async with hints_of(jetstream_store):
        await asked.times(1)
        assert await _consumers(nats_connection) == ["hints"]


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_is_stopped_just_when_a_hint_comes_stops(
    jetstream_store: JetStreamStore, nats_connection: Connection, turns: int
) -> None:
    asked = await _Asked.since_now(nats_connection)
    reading = asyncio.create_task(read_hints(jetstream_store, []))
    await asked.times(1)

    # Subscribed after the reader, so that this is told of a hint after the reader is.
    await nats_connection.client.subscribe_raw(
        "_INBOX.>", lambda _, reply, *__: _stop(reading, reply, turns)
    )
    await jetstream_store.append(TASK, commit(), expected=BEGINNING, message_id="m1")

    ended, _ = await asyncio.wait([reading], timeout=WITHIN)
    reading.cancel()
    assert ended


class _Asked:
    """How often anybody asked the server for the next commits."""

    def __init__(self) -> None:
        self._count = 0

    @classmethod
    async def since_now(cls, connection: Connection) -> "_Asked":
        asked = cls()
        await connection.client.subscribe_raw(f"{API}.MSG.NEXT.>", asked._one_more)
        return asked

    async def times(self, wanted: int) -> None:
        await _until(lambda: self._count >= wanted)

    def _one_more(self, *_: bytes) -> None:
        self._count += 1


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds():
            await asyncio.sleep(0.01)


async def _consumers(connection: Connection) -> list[str]:
    answer = await connection.request(f"{API}.NAMES.{STREAM}", b"", within=WITHIN)
    return list(msgspec.json.decode(answer.data)["consumers"] or [])


def _stop(reading: asyncio.Task[None], reply: bytes, turns: int) -> None:
    """Cancel the reader of a hint so many turns of the event loop later."""
    if not reply.startswith(b"$JS.ACK."):
        return
    if turns:
        asyncio.get_running_loop().call_soon(_stop, reading, reply, turns - 1)
    else:
        reading.cancel()
