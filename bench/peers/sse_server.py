"""Fan-out as sse-starlette documents it: an `EventSourceResponse` over a generator that takes from a queue of its own."""

import asyncio
from collections.abc import AsyncIterator
from functools import cache

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.serving import serve

topics: dict[str, set[asyncio.Queue[str]]] = {}


async def subscribe(request: Request) -> Response:
    subscribers = topics.setdefault(request.path_params["topic"], set())

    async def events() -> AsyncIterator[ServerSentEvent]:
        mine: asyncio.Queue[str] = asyncio.Queue()
        subscribers.add(mine)
        try:
            yield ServerSentEvent(comment="ready", sep="\n")
            while True:
                yield ServerSentEvent(await mine.get(), event="change", sep="\n")
        finally:
            subscribers.discard(mine)

    return EventSourceResponse(events(), ping=3600)


async def snapshot(request: Request) -> Response:
    data = _data(int(request.path_params["size"]))

    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data, event="snapshot", sep="\n")
        await asyncio.Event().wait()

    return EventSourceResponse(events(), ping=3600)


@cache
def _data(size: int) -> str:
    return "x" * size


async def publish(request: Request) -> Response:
    data = (await request.body()).decode()
    for one in topics.get(request.path_params["topic"], ()):
        one.put_nowait(data)
    return Response(status_code=202)


if __name__ == "__main__":
    serve(
        Starlette(
            routes=[
                Route("/sub/{topic}", subscribe),
                Route("/snapshot/{size}", snapshot),
                Route("/pub/{topic}", publish, methods=["POST"]),
            ]
        )
    )
