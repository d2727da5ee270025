"""The least a Python server can do: `GET /sub/<topic>` streams, `POST /pub/<topic>` sends its body to all; no store.

`GET /snapshot/<size>` streams one event of that size and stays open.
"""

from functools import cache
from typing import Any

from bench.peers.serving import serve

HEAD = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]

topics: dict[str, dict[object, Any]] = {}


async def application(scope: Any, receive: Any, send: Any) -> None:
    _, verb, topic = scope["path"].split("/")
    subscribers = topics.setdefault(topic, {})
    if verb != "pub":
        first = snapshot(int(topic)) if verb == "snapshot" else b": ready\n\n"
        await _subscribe(subscribers, receive, send, first)
        return
    event = {"type": "http.response.body", "body": await _body(receive), "more_body": True}
    for to_subscriber in list(subscribers.values()):
        await to_subscriber(event)
    head = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 202, "headers": head})
    await send({"type": "http.response.body", "body": b""})


@cache
def snapshot(size: int) -> bytes:
    """An event as large as that, once for all who ask."""
    return b"event: snapshot\ndata: " + b"x" * size + b"\n\n"


async def _subscribe(subscribers: dict[object, Any], receive: Any, send: Any, first: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    key = object()
    subscribers[key] = send
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        del subscribers[key]


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    return body


if __name__ == "__main__":
    serve(application)
