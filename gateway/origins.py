"""Lets pages of named other sites ask and give commands with a person's credential (the CORS protocol)."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Message, Send

_SHARED = (
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b"ETag, Retry-After, X-Request-Id"),
)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id",
    ),
    (b"access-control-max-age", b"600"),
)


class Origins:
    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)

    def asked_first(self, request: Request) -> bool:
        """Whether a browser asks on behalf of an allowed site's page what it may send here."""
        return request.method == "OPTIONS" and request.headers.get("origin") in self._allowed

    def allowing(self, request: Request, send: Send) -> Send:
        """`send`, with the headers the browser asks for when the request comes from a page of an allowed site.

        Every answer says that it depends on who asks: a browser that kept what our own page was sent would
        hand it to that site's page too, which could not read it.
        """
        if not self._allowed:
            return send
        origin = request.headers.get("origin")
        headers = [(b"vary", b"Origin")]
        if origin is not None and origin in self._allowed:
            headers += [(b"access-control-allow-origin", origin.encode("latin-1")), *_SHARED]
            if request.method == "OPTIONS":
                headers += _PREFLIGHT

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        return with_headers
