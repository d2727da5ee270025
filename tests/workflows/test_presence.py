"""Whose worker is alive, and that no two of them have one name."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from runtime.connection import connect
from runtime.errors import Unavailable
from tests.nats_process import NatsServer, nats_server_in
from workflows.presence import Presence


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server_in(tmp_path) as server:
        yield server


@asynccontextmanager
async def listening(nats: NatsServer, worker: str) -> AsyncIterator[Presence]:
    """A worker of the host `h1` that hears the others and has not begun."""
    async with connect(nats.url, user=nats.user, password=nats.password) as connection:
        presence = Presence(connection, host="h1", worker=f"h1/{worker}", away_seconds=15)
        async with presence.listening():
            yield presence


async def test_a_worker_whose_name_another_one_has_does_not_begin(nats: NatsServer) -> None:
    async with listening(nats, "one") as one:
        await one.begin()

        async with listening(nats, "two") as two:
            with pytest.raises(Unavailable, match="Another worker is at work under the name h1"):
                await two.begin()


async def test_a_worker_that_did_not_begin_says_no_goodbye_for_the_one_that_did(
    nats: NatsServer,
) -> None:
    said: list[bytes] = []

    async def hear(message: Msg) -> None:
        said.append(message.data)

    async with connect(nats.url, user=nats.user, password=nats.password) as connection:
        await connection.client.subscribe("workers.presence", cb=hear)
        await connection.client.flush()
        async with listening(nats, "one") as one:
            await one.begin()
            async with listening(nats, "two") as two:
                with pytest.raises(Unavailable):
                    await two.begin()
                await two.leave()
            await one.leave()
        async with asyncio.timeout(20):
            while not (left := [beat for beat in said if b"leaving" in beat and b"h1/one" in beat]):
                await asyncio.sleep(0.01)

    assert [beat for beat in said if b"leaving" in beat] == left


async def test_of_several_workers_of_one_name_that_begin_at_once_one_does(nats: NatsServer) -> None:
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(listening(nats, name)) for name in ("a", "c", "b")
        ]

        came = await asyncio.gather(*(one.begin() for one in workers), return_exceptions=True)

    assert [type(one) for one in came] == [Unavailable, type(None), Unavailable]


async def test_a_worker_that_is_started_anew_begins(nats: NatsServer) -> None:
    for start in ("one", "two"):
        async with listening(nats, start) as worker:
            await worker.begin()
            await worker.leave()
