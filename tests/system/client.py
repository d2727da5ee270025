"""A person at an address: commands, questions and streams over HTTP, and nothing else."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

import httpx

from tests.system.stream import Stream

WITHIN = 20.0


class Accepted(NamedTuple):
    """What a command was answered with."""

    command_id: str
    position: int
    events: list[str]
    ids: dict[str, str]
    secret: str | None


class Client:
    """One caller of one node. `problem` and `refused` hold every refusal to docs/protocol.md, "Problems"."""

    def __init__(self, address: str, token: str | None) -> None:
        self.address = address
        self.token = token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(
            base_url=address,
            headers=headers,
            trust_env=False,
            timeout=WITHIN,
            limits=httpx.Limits(max_connections=200),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    # --- Commands ---

    async def submit(
        self, name: str, /, *, key: str | None = None, if_match: str | None = None, **fields: Any
    ) -> httpx.Response:
        """Send a command; whatever the answer is."""
        headers = {} if key is None else {"Idempotency-Key": key}
        headers |= {} if if_match is None else {"If-Match": if_match}
        return await self.http.post(f"/v1/commands/{name}", json=fields, headers=headers)

    async def command(self, name: str, /, *, key: str | None = None, **fields: Any) -> Accepted:
        """Send a command that is to be accepted."""
        answer = await self.submit(name, key=key, **fields)
        assert answer.status_code == 202, answer.text
        assert set(answer.json()) <= {"command_id", "position", "events", "ids", "secret"}
        return Accepted(**{"secret": None, **answer.json()})

    async def refused(self, name: str, /, *, key: str | None = None, **fields: Any) -> Any:
        """Send a command that is to be refused; the problem."""
        return problem(await self.submit(name, key=key, **fields))

    async def batch(self, lines: bytes, *, key: str | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"}
        headers |= {} if key is None else {"Idempotency-Key": key}
        return await self.http.post("/v1/commands", content=lines, headers=headers)

    # --- Questions ---

    async def get(
        self, path: str, /, headers: Mapping[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        params = {name: str(value) for name, value in query.items()}
        return await self.http.get(path, params=params or None, headers=dict(headers or {}))

    async def view(self, topic: str, **query: Any) -> Any:
        """A view that is to be there: topic, epoch, version and data."""
        answer = await self.get(f"/v1/views/{topic}", **query)
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert answer.headers["etag"] == f'"{view["epoch"]}.{view["version"]}"'
        return view

    async def data(self, topic: str, **query: Any) -> Any:
        return (await self.view(topic, **query))["data"]

    async def position(self) -> int:
        """How far this node has read the log."""
        return int((await self.http.get("/healthz")).json()["position"])

    async def agrees_with(self, stream: Stream) -> None:
        """What was folded from a stream is what the views show; reads on where they are ahead."""
        async with asyncio.timeout(WITHIN):
            for topic in list(stream.held):
                while True:
                    view = await self.view(topic, at_least=stream.held[topic].version)
                    await stream.until_version(topic, view["version"])
                    held = stream.held[topic]
                    if held.version == view["version"]:
                        break
                assert (held.epoch, held.data) == (view["epoch"], view["data"]), topic

    # --- Live ---

    @asynccontextmanager
    async def stream(
        self,
        *topics: str,
        after: Stream | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> AsyncIterator[Stream]:
        """A stream as a native EventSource asks for it, topics in the URL. `after` is the stream it lost, whose state it kept."""
        params = httpx.QueryParams([*(("topic", topic) for topic in topics), *query.items()])
        sent = dict(headers or {})
        if after is not None and after.last_id is not None and "cursor" not in query:
            sent["Last-Event-ID"] = after.last_id
        async with self.http.stream("GET", "/v1/stream", params=params, headers=sent) as response:
            yield Stream(response, topics, held=after.held if after else None)

    @asynccontextmanager
    async def fetch_stream(
        self, topics: Mapping[str, str | None], *, after: Stream | None = None, **fields: str
    ) -> AsyncIterator[Stream]:
        """A stream as a fetch client asks for it: what it holds of each topic in the body."""
        body = {"topics": topics, **fields}
        async with self.http.stream("POST", "/v1/stream", json=body) as response:
            yield Stream(response, topics, held=after.held if after else None)

    async def interest(self, stream: Stream, revision: int, **change: object) -> httpx.Response:
        """Change what an open stream carries, on the node this client talks to."""
        stream.expect(change.get("add"))
        return await self.http.post(
            f"/v1/stream/{stream.sid}/interest", json={"revision": revision, **change}
        )


def problem(answer: httpx.Response) -> Any:
    """The problem document of an answer, held to docs/protocol.md, "Problems"."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document.keys() == {*("type", "title", "status", "detail", "instance", "code", "errors")}
    assert all(place.keys() == {"pointer", "detail"} for place in document["errors"])
    assert document["status"] == answer.status_code
    assert document["type"] == f"/problems/{document['code']}"
    assert unquote(document["instance"]) == answer.request.url.path
    assert document["detail"]
    assert answer.status_code < 500 or "retry-after" in answer.headers
    return document


def new_key() -> str:
    return str(uuid.uuid4())
