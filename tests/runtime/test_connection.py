"""The connection to NATS on bad networks: it comes back, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from nats.aio.msg import Msg

from runtime import connection as connection_module
from runtime.connection import Connection, ConnectionLost, connect
from runtime.embedded_server import embedded_server
from runtime.errors import Unavailable
from runtime.inbox import NoAnswer, NotSent
from tests.contracts.tcp_proxy import TcpProxy, tcp_proxy
from tests.nats_process import NatsServer

INFO = "$JS.API.INFO"


@pytest.fixture
async def proxy(nats_server: NatsServer) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(nats_server.url) as proxy:
        yield proxy


@pytest.fixture
async def connection(
    proxy: TcpProxy, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connection]:
    monkeypatch.setattr(connection_module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(connection_module, "WATCH_SECONDS", 0.05)
    async with connect(
        proxy.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        yield connection


async def back(connection: Connection) -> None:
    again = asyncio.Event()
    forget = connection.on_reconnect(again.set)
    async with asyncio.timeout(10):
        await again.wait()
    forget()


async def test_it_knows_the_server_it_is_connected_to(connection: Connection) -> None:
    assert connection.connected
    assert connection.server_version.startswith("2.")
    assert connection.max_payload == 1024 * 1024


async def test_a_connection_that_breaks_comes_back_and_says_so(
    connection: Connection, proxy: TcpProxy
) -> None:
    coming_back = asyncio.create_task(back(connection))

    proxy.cut()
    await coming_back

    assert connection.connected
    assert (await connection.request(INFO, b"", within=5)).data


async def test_a_request_is_given_up_at_once_when_the_connection_breaks(
    connection: Connection, proxy: TcpProxy
) -> None:
    proxy.mute = True
    asking = asyncio.create_task(connection.request(INFO, b"", within=60))
    await proxy.swallowed.wait()

    proxy.cut()

    async with asyncio.timeout(10):
        with pytest.raises(NoAnswer, match="broke"):
            await asking


async def test_a_request_nobody_listens_to_is_known_not_to_have_been_sent(
    connection: Connection,
) -> None:
    with pytest.raises(NotSent, match="nobody listens"):
        await connection.request("nobody.listens.here", b"", within=5)


async def test_what_comes_behind_the_last_answer_is_nobodys(connection: Connection) -> None:
    async def answer_twice(message: Msg) -> None:
        await message.respond(b"first")
        await message.respond(b"second")

    await connection.client.subscribe("twice", cb=answer_twice)
    await connection.client.flush()

    for _ in range(50):
        assert (await connection.request("twice", b"", within=5)).data == b"first"


async def test_a_request_without_a_connection_is_not_kept_for_later(
    connection: Connection, proxy: TcpProxy
) -> None:
    proxy.refusing = True
    proxy.cut()
    with pytest.raises((NotSent, NoAnswer)):
        await connection.request(INFO, b"", within=0.5)
    assert not connection.connected

    with pytest.raises(NotSent, match="no connection"):
        await connection.request(INFO, b"", within=0.1)


async def test_a_connection_that_carries_nothing_is_left_for_a_new_one(
    connection: Connection, proxy: TcpProxy, caplog: pytest.LogCaptureFixture
) -> None:
    coming_back = asyncio.create_task(back(connection))

    proxy.freeze()
    await asyncio.wait([coming_back], timeout=1)
    assert not connection.connected
    (left,) = [one for one in caplog.records if one.getMessage() == "nats disconnected"]
    assert "StaleConnection" in left.__dict__["reason"]
    proxy.thaw()

    await coming_back
    assert (await connection.request(INFO, b"", within=5)).data


async def test_a_connection_over_which_much_comes_slowly_is_kept(
    connection: Connection,
    proxy: TcpProxy,
    nats_server: NatsServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arrived: asyncio.Queue[int] = asyncio.Queue()
    await connection.client.subscribe_raw(
        "much", lambda *message: arrived.put_nowait(len(message[-1]))
    )
    await connection.client.flush()
    proxy.seconds_a_piece = 0.05

    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as other:
        for _ in range(4):
            await other.client.publish("much", b"x" * 700_000)

    async with asyncio.timeout(30):
        assert [await arrived.get() for _ in range(4)] == [700_000] * 4
    assert "nats disconnected" not in caplog.messages


async def test_a_client_that_stopped_reading_is_found_and_mended(connection: Connection) -> None:
    coming_back = asyncio.create_task(back(connection))
    loop = connection.client._reading_task
    assert loop is not None

    loop.cancel()

    await coming_back
    assert (await connection.request(INFO, b"", within=5)).data


async def test_a_late_pong_does_no_harm(connection: Connection, proxy: TcpProxy) -> None:
    proxy.freeze()
    with pytest.raises(Exception, match="flush timeout"):
        await connection.client.flush(timeout=0.05)  # type: ignore[arg-type]
    proxy.thaw()

    assert (await connection.request(INFO, b"", within=5)).data
    assert not connection.client.broken


async def test_a_client_that_is_closed_for_good_is_reported(connection: Connection) -> None:
    losing = asyncio.create_task(connection.until_lost())

    await connection.client.close()

    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost):
            await losing


async def ask_and_close_on_a_closed_transport(nats_server: NatsServer) -> None:
    async with connect(
        nats_server.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        client = connection.client
        assert client._flusher_task is not None
        # Without its flusher nats-py writes in the request itself, here to what is gone.
        client._flusher_task.cancel()
        await asyncio.sleep(0)
        transport: Any = client._transport
        transport._io_writer.transport.abort()
        with pytest.raises((NoAnswer, NotSent)):
            await connection.request(INFO, b"", within=5)


def test_a_connection_that_breaks_under_a_request_is_broken_and_not_a_runtime_error(
    nats_server: NatsServer,
) -> None:
    # uvloop, which `foundry serve` runs on, has an error of its own for it.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask_and_close_on_a_closed_transport(nats_server))


@pytest.mark.parametrize("moment", range(6))
async def test_it_can_be_closed_at_any_moment_of_a_reconnect(
    proxy: TcpProxy, nats_server: NatsServer, moment: int
) -> None:
    async with connect(
        proxy.url, user=nats_server.user, password=nats_server.password
    ) as connection:
        proxy.refusing = True
        proxy.cut()
        for _ in range(moment):
            await asyncio.sleep(0)

    assert connection.client.is_closed


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9: ConnectionRefused") as caught:
        async with connect("nats://me:secret@127.0.0.1:9", within=0.3):
            pass
    assert "secret" not in caught.value.detail


async def test_a_start_that_waits_says_for_what(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection_module, "TELL_SECONDS", 0.2)

    with pytest.raises(Unavailable):
        async with connect("nats://me:secret@127.0.0.1:9", within=0.6):
            pass

    (said,) = [one for one in caplog.records if "waiting" in one.getMessage()]
    assert said.__dict__["servers"] == "127.0.0.1:9"
    assert "ConnectionRefused" in said.__dict__["reason"]


async def test_a_start_whose_server_is_silent_says_so(
    proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection_module, "TELL_SECONDS", 0.2)
    proxy.mute = True

    with pytest.raises(Unavailable):
        async with connect(proxy.url, within=0.6):
            pass

    (said,) = [one for one in caplog.records if "waiting" in one.getMessage()]
    assert said.__dict__["reason"] == "no word since the connection began"


async def test_it_waits_for_a_server_that_is_still_starting(tmp_path: Path) -> None:
    async with embedded_server(tmp_path) as first:
        pass

    async def connected() -> bool:
        async with connect(first.url, user=first.user, password=first.password) as connection:
            return connection.connected

    connecting = asyncio.create_task(connected())
    async with embedded_server(tmp_path):
        assert await connecting
