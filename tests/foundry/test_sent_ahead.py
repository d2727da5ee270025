"""Requests that are sent before the ones ahead of them are answered: all get their answer, and cost little meanwhile."""

import asyncio
import re

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from foundry.patient_protocol import PatientProtocol
from gateway.transport import EXTENSION
from tests.foundry.served_wire import GET, POST, WITHIN, Hasty, once, served
from tests.gateway.reader import open_connection


async def test_the_rest_of_a_head_is_waited_for_when_those_before_it_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_answer = asyncio.Event()

    async with served(monkeypatch, once(may_answer)) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(GET + GET + GET[:9])
        # Another connection is ended after the same time: by then this one would have been as well.
        other, other_sink = await asyncio.open_connection("127.0.0.1", port)
        assert await other.read() == b""
        sink.write(GET[9:] + GET[:9])
        may_answer.set()
        answers = await source.read()
        for one in (sink, other_sink):
            one.close()

    assert answers.count(b"hello") == 3


async def test_of_many_requests_sent_at_once_few_are_taken_in_before_the_first_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hasty, "head_seconds", WITHIN)
    waiting: list[int] = []

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.append(len(scope["extensions"][EXTENSION].pipeline))
        path = scope["path"].encode()
        while (message := await receive())["more_body"]:
            path += message["body"]
        await PlainTextResponse(path + message["body"] + b".")(scope, receive, send)

    numbers = [b"%0100d" % number for number in range(3_000)]
    gets = [b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in numbers]
    # Blank lines in a body look like the ends of heads.
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n" + b"\r\n" * 2000
    async with served(monkeypatch, telling) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write(b"".join([*gets, post, *gets]))
        sink.write_eof()
        answers = await source.read()
        sink.close()

    told = [b"/" + number for number in numbers]
    assert re.findall(rb"\r\n\r\n(/[^.]*)\.", answers) == [*told, b"/" + b"\r\n" * 2000, *told]
    assert max(waiting) < 64


async def read_and_wait(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    # A look at the connection comes in between, as with any request that waits for something.
    await asyncio.sleep(0.001)
    await PlainTextResponse(f"took {len(body)};")(scope, receive, send)


async def test_requests_whose_bodies_are_read_let_nobody_send_ahead_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[int] = []

    def measured(connection: PatientProtocol, data: bytes) -> None:
        PatientProtocol.data_received(connection, data)
        kept.append(len(connection._unread))

    monkeypatch.setattr(Hasty, "data_received", measured)
    async with served(monkeypatch, read_and_wait) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write((POST % 1 + b"a") * 300_000)
        for _ in range(100):
            await source.readuntil(b"took 1;")
        sink.transport.abort()

    assert max(kept) < 1_000_000


async def test_who_sends_much_ahead_and_then_nothing_more_gets_all_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch, read_and_wait) as port, asyncio.timeout(WITHIN):
        source, sink = await asyncio.open_connection("127.0.0.1", port)
        sink.write((POST % 1 + b"a") * 20 + POST % 5000 + b"a" * 5000)
        sink.write_eof()
        answers = await source.read()
        sink.close()

    assert re.findall(rb"took \d+;", answers) == [b"took 1;"] * 20 + [b"took 5000;"]


async def test_an_answer_that_watches_for_its_reader_lets_nobody_send_ahead_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setattr(Hasty, "head_seconds", WITHIN)
    async with served(monkeypatch, watched) as port:
        _, sink = await open_connection(port, 65536)
        sink.write(GET * 300_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await sink.drain()
        sink.transport.abort()
