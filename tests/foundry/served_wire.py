"""A server with the real protocol on a socket of its own, and hardly any patience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from foundry import web_server
from foundry.patient_protocol import PatientProtocol
from foundry.web_server import WebServer, listening_socket

WITHIN = 15.0
HELLO = PlainTextResponse("hello")
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
UPGRADE = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


class Hasty(PatientProtocol):
    head_seconds = 0.05
    parting_seconds = 0.05


def once(may_answer: asyncio.Event) -> ASGIApp:
    """Says hello when it may."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await may_answer.wait()
        await HELLO(scope, receive, send)

    return app


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch, app: ASGIApp = HELLO) -> AsyncIterator[int]:
    monkeypatch.setattr(web_server, "PatientProtocol", Hasty)
    server = WebServer(app, graceful_seconds=1)
    listener = listening_socket("127.0.0.1", 0)
    listener.listen()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(uvicorn.Server.serve(server, sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
