"""A way on which an answer takes longer than it is waited for: it is waited for longer, and nothing is asked for twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg

from events.ids import BEGINNING, Position
from events.jetstream import open_store
from runtime.connection import Connection, connect
from runtime.inbox import NoAnswer
from tests.contracts.sample_commits import ANNA, commit
from tests.contracts.tcp_proxy import TcpProxy, tcp_proxy
from tests.nats_process import NatsServer

PIECES = 5
LONG = b"x" * PIECES * 64 * 1024
WITHIN = 0.2


@asynccontextmanager
async def far_away(server: NatsServer) -> AsyncIterator[tuple[Connection, TcpProxy]]:
    async with (
        tcp_proxy(server.url) as proxy,
        connect(proxy.url, user=server.user, password=server.password) as connection,
    ):
        yield connection, proxy


@pytest.mark.parametrize("way", ["seconds_a_piece", "seconds_a_piece_sent"])
async def test_what_is_on_its_way_is_waited_for_and_asked_for_once(
    nats_server: NatsServer, nats_connection: Connection, way: str
) -> None:
    asked: list[Msg] = []

    async def answer(question: Msg) -> None:
        asked.append(question)
        await question.respond(question.data)

    await nats_connection.client.subscribe("echo", cb=answer)
    await nats_connection.client.flush()
    async with far_away(nats_server) as (connection, proxy):
        setattr(proxy, way, WITHIN)
        echo = await connection.request("echo", LONG, within=WITHIN, at_most=60)

    assert echo.data == LONG
    assert len(asked) == 1


async def test_an_answer_that_is_lost_is_not_waited_for_longer(
    nats_connection: Connection,
) -> None:
    await nats_connection.client.subscribe("silence")

    async with asyncio.timeout(20):
        with pytest.raises(NoAnswer, match="no answer in time"):
            await nats_connection.request("silence", b"", within=WITHIN, at_most=600)


async def test_an_answer_that_is_still_on_its_way_in_the_end_is_given_up(
    nats_server: NatsServer,
) -> None:
    async with far_away(nats_server) as (connection, proxy):
        proxy.freeze()

        async with asyncio.timeout(20):
            with pytest.raises(NoAnswer, match="no answer in time"):
                await connection.request("silence", b"", within=WITHIN, at_most=2 * WITHIN)


async def test_a_long_commit_is_sent_once_over_a_slow_way(
    nats_server: NatsServer, nats_connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with far_away(nats_server) as (connection, proxy):
        store = await open_store(connection, attempt=WITHIN, patience=60)
        proxy.seconds_a_piece = proxy.seconds_a_piece_sent = WITHIN
        long = commit(LONG.decode())

        position = await store.append(ANNA, long, expected=BEGINNING, message_id="m1")
        history = await store.load(ANNA)

    assert position == Position(1)
    assert [one.commit for one in history] == [long]
    assert "append is tried again" not in caplog.messages
