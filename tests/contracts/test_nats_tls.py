"""A connection that was asked to be encrypted is, or there is none."""

from pathlib import Path

import pytest

from runtime.connection import connect
from runtime.errors import Unavailable
from tests.nats_process import CERTIFICATE, NatsServer, nats_server_in


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
