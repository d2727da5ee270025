"""Requests that offer another protocol (`Upgrade`): they are answered in this one, or refused where that could lose a body."""

import asyncio
import logging
import re

import pytest

from tests.foundry.served_wire import CHUNKED, GET, UPGRADE, WITHIN, served


@pytest.mark.parametrize("body", [b"Content-Length: 5\r\n\r\nhello", CHUNKED])
async def test_a_body_behind_an_offer_of_another_protocol_is_refused_and_no_request(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(GET + UPGRADE + body)
        answers = await source.read()
        sink.close()

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"400"]
    assert b"Upgrade" in answers


async def test_what_stands_behind_an_offer_of_another_protocol_is_answered_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(UPGRADE + b"\r\n" + UPGRADE + b"\r\n" + GET[:10])
        for _ in range(2):
            await source.readuntil(b"hello")
        sink.write(GET[10:] + GET)
        for _ in range(2):
            await source.readuntil(b"hello")
        sink.close()

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_offer_of_another_protocol_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        for head in (UPGRADE + b"\r\n", UPGRADE + b"Content-Length: 0\r\n\r\n", GET):
            sink.write(head)
            assert (await source.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        sink.close()
