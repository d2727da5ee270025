"""A connection that was asked to be encrypted is, or there is none."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nats.aio.transport import TcpTransport

from runtime.connection import Connection, connect
from runtime.errors import Unavailable
from tests.nats_process import CERTIFICATE, NatsServer, nats_server_in

WITHIN = 30.0


def address_of(nats: NatsServer, scheme: str) -> str:
    return f"{scheme}127.0.0.1:{nats.port}"


@pytest.mark.parametrize("scheme", ["tls://", "nats://"])
async def test_a_server_with_tls_is_known_by_the_authorities_that_are_named(
    tmp_path: Path, scheme: str
) -> None:
    with nats_server_in(tmp_path, tls=True) as nats:
        url = address_of(nats, scheme)
        async with connect(
            url, user=nats.user, password=nats.password, ca=str(CERTIFICATE), within=10
        ) as connection:
            answer = await connection.request("$JS.API.INFO", b"", within=5)

    assert b"io.nats.jetstream" in answer.data


@pytest.mark.parametrize(("scheme", "encrypted"), [("tls://", True), ("nats://", False)])
async def test_a_server_that_may_be_talked_to_in_the_clear_too_is_asked_for_tls(
    tmp_path: Path, scheme: str, encrypted: bool
) -> None:
    with nats_server_in(tmp_path, tls=True, clear=True) as nats:
        url = address_of(nats, scheme)
        ca = str(CERTIFICATE) if encrypted else None
        async with connect(
            url, user=nats.user, password=nats.password, ca=ca, within=10
        ) as connection:
            answer = await connection.request("$SYS.REQ.USER.INFO", b"", within=5)
            transport = connection.client._transport

    assert b'"test"' in answer.data
    assert isinstance(transport, TcpTransport)
    assert transport._io_writer is not None
    assert (transport._io_writer.get_extra_info("cipher") is not None) == encrypted


async def test_a_server_that_nobody_vouches_for_is_not_talked_to(tmp_path: Path) -> None:
    with nats_server_in(tmp_path, tls=True) as nats:
        url = address_of(nats, "tls://")
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            async with connect(url, user=nats.user, password=nats.password, within=2):
                pass


@pytest.mark.parametrize(("scheme", "ca"), [("tls://", None), ("nats://", str(CERTIFICATE))])
async def test_who_asks_for_tls_says_no_password_to_a_server_without(
    tmp_path: Path, scheme: str, ca: str | None
) -> None:
    with nats_server_in(tmp_path) as nats:
        url = address_of(nats, scheme)
        with pytest.raises(Unavailable, match="the server has no TLS"):
            async with connect(url, user=nats.user, password=nats.password, ca=ca, within=2):
                pass


async def test_why_there_is_no_connection_any_more_is_told(tmp_path: Path) -> None:
    async with AsyncExitStack() as left_at_the_end:
        with nats_server_in(tmp_path, tls=True) as nats:
            url = address_of(nats, "tls://")
            connection = await left_at_the_end.enter_async_context(
                connect(url, user=nats.user, password=nats.password, ca=str(CERTIFICATE), within=10)
            )
        # That it ended is known from the beginning, and says nothing of what stands in the way since.
        await until_told(connection, "ConnectionRefusedError")
        with nats_server_in(tmp_path, port=nats.port):
            await until_told(connection, "the server has no TLS")
            assert not connection.connected


async def until_told(connection: Connection, reason: str) -> None:
    async with asyncio.timeout(WITHIN):
        while reason not in repr(connection.last_error):
            await asyncio.sleep(0.05)
