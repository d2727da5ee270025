"""What a connection gets on its wire: answers in one piece, and an end when it never becomes a request."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.transport import EXTENSION
from tests.foundry.served_wire import GET, WITHIN, Hasty, once, served
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


async def test_who_sends_nothing_more_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = asyncio.Event()

    async with served(monkeypatch, once(may_answer)) as port, asyncio.timeout(WITHIN):
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
