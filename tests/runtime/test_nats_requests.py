"""A request by nats-py can be given up at any moment, also at that of its answer."""

import asyncio

import pytest
from nats import errors
from nats.aio.msg import Msg

from runtime.connection import Connection, connect
from tests.nats_process import NatsServer


async def asking(connection: Connection) -> "asyncio.Task[Msg]":
    """A request that nobody answers, as far as it waits for the answer."""
    client = connection.client
    await client.subscribe("silence")
    request = asyncio.create_task(client.request("silence", b"", timeout=60))
    while not client._resp_map:
        await asyncio.sleep(0)
    return request


async def test_a_cancellation_that_comes_with_the_answer_is_not_forgotten(
    nats_server: NatsServer,
) -> None:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        request = await asking(connection)
        (answer,) = connection.client._resp_map.values()

        answer.set_result(Msg(connection.client, subject="answer"))
        request.cancel()

        with pytest.raises(asyncio.CancelledError):
            await request


async def test_a_request_without_an_answer_ends_after_its_time(nats_server: NatsServer) -> None:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        await connection.client.subscribe("silence")

        with pytest.raises(errors.TimeoutError):
            await connection.client.request("silence", b"", timeout=0.05)

        assert not connection.client._resp_map
