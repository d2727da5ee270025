"""What is no request, or stands where none can: refused with a problem, in its turn."""

import asyncio
import logging
import re

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.foundry.served_wire import CHUNKED, GET, UPGRADE, WITHIN, Hasty, once, served


async def test_what_is_no_request_is_answered_with_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(b"this is no HTTP\r\n\r\n")
        answer = await source.read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer
        assert b'"code":"malformed"' in answer
        sink.close()


BAD_CHUNK = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"


@pytest.mark.parametrize("behind", [b"nonsense\r\n\r\n", BAD_CHUNK, GET + b"\x16\x03\x01", b"xx"])
async def test_what_was_asked_before_nonsense_is_answered_before_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, behind: bytes
) -> None:
    may_answer = asyncio.Event()

    async with served(monkeypatch, once(may_answer)) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(GET + behind)
        # Another connection's answer: by then the nonsense was read too.
        other, other_sink = await asyncio.open_connection("127.0.0.1", port)
        other_sink.write(b"nonsense\r\n\r\n")
        assert (await other.read()).startswith(b"HTTP/1.1 400")
        may_answer.set()
        answers = await source.read()
        for one in (sink, other_sink):
            one.close()

    statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert statuses == [b"200"] * (1 + behind.count(GET)) + [b"400"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "sent", [BAD_CHUNK, BAD_CHUNK.replace(b"\r\nT", b"\r\nExpect: 100-continue\r\nT")]
)
async def test_a_body_that_goes_wrong_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Request(scope, receive).body()
        except ClientDisconnect:
            left.set()

    left = asyncio.Event()
    async with served(monkeypatch, reading) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(sent)
        assert (await source.read()).count(b"HTTP/1.1 400") == 1
        await left.wait()
        sink.close()

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_who_was_refused_and_stays_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        for refused in (b"nonsense\r\n\r\n", BAD_CHUNK, UPGRADE + CHUNKED):
            source, sink = await asyncio.open_connection("127.0.0.1", port)
            sink.write(refused)
            assert b"HTTP/1.1 400" in await source.read()
            with pytest.raises(ConnectionError):
                await until_nobody_takes_it(sink)
            sink.close()


async def until_nobody_takes_it(sink: asyncio.StreamWriter) -> None:
    while True:
        sink.write(b"x")
        await sink.drain()
        await asyncio.sleep(0.01)


async def test_a_head_behind_a_large_body_is_not_taken_for_a_large_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is looked at is the size: a slow machine must not make it the time.
    monkeypatch.setattr(Hasty, "head_seconds", WITHIN)
    size = 100_000
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(body + GET[:10])
        await source.readuntil(b"hello")
        sink.write(GET[10:])
        assert (await source.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        sink.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_stands_behind_a_body_is_no_header(
    monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        heard.set()
        await Request(scope, receive).body()
        names = [name for name, _ in scope["headers"]]
        await Response(b" ".join(names))(scope, receive, send)

    heard = asyncio.Event()
    async with served(monkeypatch, named) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        if not at_once:
            await heard.wait()
        sink.write(b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        head = await source.readuntil(b"\r\n\r\nhost transfer-encoding")
        assert b"content-length: 22\r\n" in head
        sink.close()


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"GET / HTTP/1.1\r\n", [b"400"]),
        (b"GET / HTTP/1.0\r\n", [b"200"]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n", [b"400"]),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: x/y\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: x, y\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: a@x\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: x:y\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: [x]\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost: x\xe9\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n", [b"200"]),
        (b"GET / HTTP/1.1\r\nHost: my_host.x-%41:80\r\nConnection: close\r\n", [b"200"]),
        (b"GET / HTTP/1.1\r\nHost: [::1]:7741\r\nConnection: close\r\n", [b"200"]),
    ],
)
async def test_a_request_names_one_host(
    monkeypatch: pytest.MonkeyPatch, head: bytes, statuses: list[bytes]
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(GET + head + b"\r\n")
        answers = await source.read()
        sink.close()

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", *statuses]
    assert (b"Host" in answers) == (statuses == [b"400"])
