"""One node: a real uvicorn on a free port, the gateway, views and guests in memory."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.app import Gateway
from gateway.transport import StreamingProtocol
from projectors.views import Views
from tests.gateway.guests import Guests
from tests.gateway.memory_views import MemoryViews
from tests.gateway.reader import Held, Reader, asking


class _Server(uvicorn.Server):
    """uvicorn without its own handling of signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def run_until_told(self, listener: socket.socket) -> None:
        await self._serve([listener])


class Node:
    def __init__(self, views: MemoryViews, guests: Guests, gateway: Gateway, port: int) -> None:
        self.views = views
        self.guests = guests
        self.gateway = gateway
        self.port = port

    def stream(
        self,
        *topics: str,
        cursor: str | None = None,
        **options: Any,
    ) -> AbstractAsyncContextManager[Reader]:
        """`GET /v1/stream`; `cursor` goes as `Last-Event-ID`."""
        query = "&".join(f"topic={topic}" for topic in topics)
        headers = {"Last-Event-ID": cursor} if cursor else {}
        return asking(self.port, "GET", f"/v1/stream?{query}", headers=headers, **options)

    def post_stream(
        self,
        topics: Mapping[str, str | None],
        *,
        cursor: str | None = None,
        held: dict[str, Held] | None = None,
        **options: Any,
    ) -> AbstractAsyncContextManager[Reader]:
        body = {"topics": topics} | ({"cursor": cursor} if cursor else {})
        return asking(self.port, "POST", "/v1/stream", body=body, held=held, **options)

    async def interest(self, sid: str, body: Any, *, token: str = "ann") -> tuple[int, Any]:
        path = f"/v1/stream/{sid}/interest"
        async with asking(self.port, "POST", path, body=body, token=token) as answer:
            return answer.status, await answer.body()


TOPICS: dict[str, dict[str, Any]] = {
    "app/usr_ann": {"user": {"id": "usr_ann"}, "sessions": []},
    "workspace/org_1": {"id": "org_1", "name": "One", "tasks": []},
    "workspace/org_2": {"id": "org_2", "name": "Two", "tasks": []},
    "task/task_1": {"id": "task_1", "title": "first", "sessions": []},
    "task/task_2": {"id": "task_2", "title": "second", "sessions": []},
    "transcript/ses_1": {"id": "ses_1", "entries": []},
}


@asynccontextmanager
async def running(
    views: MemoryViews | None = None,
    guests: Guests | None = None,
    read_side: Views | None = None,
    protocol: type[HttpToolsProtocol] = StreamingProtocol,
    beside: Mapping[str, ASGIApp] | None = None,
    **options: Any,
) -> AsyncIterator[Node]:
    """`beside` are applications for other paths."""
    views = views or MemoryViews(TOPICS)
    guests = guests or Guests()
    settings = {"node": "node-a", "lag_ms": lambda: 0, "head": views.head, **options}
    gateway = Gateway(read_side or views, guests, **settings)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await (beside or {}).get(scope["path"], gateway)(scope, receive, send)

    server = _Server(
        uvicorn.Config(
            application,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=2,
        )
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(gateway.run())
        serving = tasks.create_task(server.run_until_told(listener))
        await server.up.wait()
        try:
            yield Node(views, guests, gateway, listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving
            turning.cancel()
