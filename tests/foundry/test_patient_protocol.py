"""What a connection gets on its wire: answers in one piece, and an end when it never becomes a request."""

import asyncio
import logging
import re

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.transport import EXTENSION
from tests.foundry.served_wire import CHUNKED, GET, HELLO, UPGRADE, WITHIN, Hasty, served
from tests.gateway.reader import open_connection

MUCH = 20_000_000
"""More than the kernel takes from us for a reader that takes nothing."""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(sent)
        assert await source.read() == b""
        sink.close()


async def test_a_connection_whose_request_was_answered_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        # Another one is ended after the same time: by then this one would have been as well.
        other, other_sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await source.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        assert await other.read() == b""
        sink.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await source.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        for one in (sink, other_sink):
            one.close()


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

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await may_answer.wait()
        await HELLO(scope, receive, send)

    async with served(monkeypatch, slow) as port, asyncio.timeout(WITHIN):
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


async def test_who_sends_nothing_more_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await may_answer.wait()
        await HELLO(scope, receive, send)

    async with served(monkeypatch, slow) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(GET + GET)
        sink.write_eof()
        # Another one that said nothing at all is ended: by then the end of this one was read too.
        other, other_sink = await asyncio.open_connection("127.0.0.1", port)
        other_sink.write_eof()
        assert await other.read() == b""
        may_answer.set()
        assert (await source.read()).count(b"hello") == 2
        for one in (sink, other_sink):
            one.close()


async def test_an_answer_that_nobody_takes_is_ended_and_one_that_is_taken_slowly_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not ended.is_set():
            await send({"type": "http.response.body", "body": b"z" * 65536, "more_body": True})
            if scope["extensions"][EXTENSION].cycle.disconnected:
                ended.set()

    async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
        await (endless if scope["path"] == "/endless" else much)(scope, receive, send)

    monkeypatch.setattr(Hasty, "reader_seconds", 0.4)
    much = PlainTextResponse(b"z" * MUCH)
    async with served(monkeypatch, at_once) as port, asyncio.timeout(WITHIN):
        slow, slow_sink = await open_connection(port, 65536)
        slow_sink.write(GET)
        _, sink = await open_connection(port, 4096)
        sink.write(GET.replace(b"/ ", b"/endless "))
        taken = await slow.readuntil(b"\r\n\r\n")
        while not ended.is_set():
            taken += await slow.read(65536)
            await asyncio.sleep(0.01)
        await slow.readexactly(MUCH - len(taken.partition(b"\r\n\r\n")[2]))
        for one in (sink, slow_sink):
            one.transport.abort()


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


@pytest.mark.parametrize("size", [0, 5, 64 * 1024, 64 * 1024 + 1, 3_000_000])
async def test_head_and_body_come_whole_and_in_order(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    body = bytes(number % 251 for number in range(size))
    async with served(monkeypatch, Response(body)) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        for method in (b"GET", b"HEAD", b"GET"):
            sink.write(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await source.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert b"content-length: %d\r\n" % size in head
            if method == b"GET":
                assert await source.readexactly(size) == body
        sink.close()


async def test_a_small_answer_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(20):
            sink.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            # Whatever has come when the reader is woken first.
            assert (await source.read(65536)).endswith(b"hello")
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


async def test_who_asks_whether_to_send_a_body_is_told_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        await Response(body)(scope, receive, send)

    async with served(monkeypatch, echo) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert await source.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sink.write(b"body")
        assert (await source.readuntil(b"\r\n\r\nbody")).startswith(b"HTTP/1.1 200")
        sink.close()


async def test_an_answer_that_fails_behind_its_head_still_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("on purpose")

    async with served(monkeypatch, half) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await source.read()).startswith(b"HTTP/1.1 200")
        sink.close()
