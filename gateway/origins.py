"""Lets pages of named other sites read streams with a person's credential (the CORS protocol)."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Message, Send

_SHARED = (
    (b"vary", b"Origin"),
    (b"access-control-allow-credentials", b"true"),
)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Last-Event-ID"),
    (b"access-control-max-age", b"600"),
)


class Origins:
    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)

    def allowing(self, request: Request, send: Send) -> Send:
        """`send`, with the headers the browser asks for when the request comes from a page of an allowed site."""
        origin = request.headers.get("origin")
        if origin not in self._allowed or origin is None:
            return send
        headers = [(b"access-control-allow-origin", origin.encode("latin-1")), *_SHARED]
        if request.method == "OPTIONS":
            headers += _PREFLIGHT

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        return with_headers
