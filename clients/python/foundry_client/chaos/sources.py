"""What stands behind the proxy: a real server, or a recording on its stage."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import httpx
import msgspec
from msgspec import Struct

from foundry_client.chaos.http import Request
from foundry_client.chaos.playing import Held, Stage, told_until

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"}
ANSWER_SECONDS = 60.0


class Reply(Struct, frozen=True):
    """An answer; a stream's body comes piece by piece and may never end."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Source(Protocol):
    def ask(self, request: Request, path: str) -> AbstractAsyncContextManager[Reply]:
        """Answer a request; `path` is its target without the plan. Raises `Away` when nobody is there."""

    def broken(self) -> None:
        """A stream was broken off by the proxy."""


class Away(Exception):
    """The server behind the proxy does not answer."""


class Upstream:
    """A real server. Nothing is changed but what belongs to the connection."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    @asynccontextmanager
    async def ask(self, request: Request, path: str) -> AsyncIterator[Reply]:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        # The bytes of the body are counted and broken: they have to come as they are.
        headers["accept-encoding"] = "identity"
        asked = self._client.build_request(
            request.method,
            self._url + path,
            headers=headers,
            content=request.body,
            timeout=httpx.Timeout(ANSWER_SECONDS),
        )
        try:
            response = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            raise Away(str(error)) from None
        try:
            kept = {name: text for name, text in response.headers.items() if name not in HOP_BY_HOP}
            yield Reply(response.status_code, kept, _until_it_breaks(response))
        finally:
            await response.aclose()

    def broken(self) -> None:
        """A real server goes on by itself."""


class Played:
    """A recording, answered as a server would."""

    def __init__(self, stage: Stage, *, meanwhile: int) -> None:
        self._stage = stage
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def ask(self, request: Request, path: str) -> AsyncIterator[Reply]:
        route = request.path[request.path.index("/v1/") :] if "/v1/" in request.path else ""
        if route == "/v1/stream":
            held = _held(request, self._stage)
            if held:
                stream = self._stage.stream(held)
                try:
                    yield Reply(200, {"content-type": "text/event-stream; charset=utf-8"}, stream)
                finally:
                    await _closed(stream)
                return
            yield _problem(400, "malformed", "A stream needs at least one topic.")
        elif route.startswith("/v1/stream/") and route.endswith("/interest"):
            yield self._interest(request, route.split("/")[3])
        elif route.startswith("/v1/views/"):
            yield self._view(request, route.removeprefix("/v1/views/"))
        else:
            yield _problem(422, "rejected", "A recording takes no commands.")

    def broken(self) -> None:
        self._stage.pass_time(self._meanwhile)

    def _interest(self, request: Request, sid: str) -> Reply:
        asked = msgspec.json.decode(request.body, type=dict[str, Any])
        revision = self._stage.interest(
            sid, asked["revision"], asked.get("add", {}), asked.get("remove", [])
        )
        if revision is None:
            return _problem(404, "not_found", "There is no such stream; open a new one.")
        return _json(202, msgspec.json.encode({"revision": revision}))

    def _view(self, request: Request, topic: str) -> Reply:
        wanted = dict(request.query).get("at_least", "0")
        if not wanted.isdecimal() or int(wanted) > self._stage.position:
            return _problem(503, "not_caught_up", "The recording is not there yet.")
        found = self._stage.view(topic)
        if found is None:
            return _problem(404, "not_found", "There is no such view.")
        etag, body = found
        if request.headers.get("if-none-match") == etag:
            return Reply(304, {"etag": etag}, _once(b""))
        return _json(200, body, etag=etag)


def _held(request: Request, stage: Stage) -> Held:
    if request.method == "POST":
        asked: dict[str, Held] = msgspec.json.decode(request.body, type=dict[str, Any])
        return asked.get("topics", {})
    topics = [value for name, value in request.query if name == "topic"]
    cursor = request.headers.get("last-event-id") or dict(request.query).get("cursor", "")
    return told_until(cursor, stage.recording, topics)


def _json(status: int, body: bytes, **headers: str) -> Reply:
    return Reply(status, {"content-type": "application/json", **headers}, _once(body))


def _problem(status: int, code: str, detail: str) -> Reply:
    body = {"type": f"/problems/{code}", "title": code, "status": status, "code": code}
    headers = {"content-type": "application/problem+json"}
    if status == 503:
        headers["retry-after"] = "1"
    return Reply(status, headers, _once(msgspec.json.encode({**body, "detail": detail})))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _until_it_breaks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.TransportError as error:
        raise Away(str(error)) from None


async def _closed(stream: AsyncIterator[bytes]) -> None:
    closing = getattr(stream, "aclose", None)
    if closing is not None:
        await closing()
    await asyncio.sleep(0)
