"""Connections that never become a request: ended after a while, with a problem where there is something to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from foundry import web_server
from foundry.patient_protocol import PatientProtocol
from foundry.web_server import WebServer, listening_socket

WITHIN = 15.0


class Hasty(PatientProtocol):
    head_seconds = 0.05
    parting_seconds = 0.05


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(web_server, "PatientProtocol", Hasty)
    server = WebServer(PlainTextResponse("hello"), graceful_seconds=1)
    listener = listening_socket("127.0.0.1", 0)
    listener.listen()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(uvicorn.Server.serve(server, sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True


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
