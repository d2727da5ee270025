"""Around every request: a request id, an access line, a metric."""

import logging
import os
import re
import time
from collections.abc import Callable
from functools import cache

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.logs import log_fields
from runtime.metrics import REQUEST_SECONDS
from runtime.pace import Pace

log = logging.getLogger(__name__)

TOO_MANY = 429

_GIVE_BACK = "foundry.give_back"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def at_its_end(scope: Scope, give_back: Callable[[], None]) -> None:
    """Call `give_back` once the request of this scope has been answered, or has failed."""
    scope.setdefault(_GIVE_BACK, []).append(give_back)


def refusals() -> Pace:
    """How fast a node tells those it has no room for that it has none.

    Many come back at once, whatever they are told. Left to themselves they keep the event loop
    from those who were let in: each turn of it is as long as their crowd.
    """
    return Pace(a_second=500, burst=500, longest=4.0)


class Requests:
    """ASGI middleware. `X-Request-Id` is taken over when it is plain, made otherwise, and sent back."""

    def __init__(self, app: ASGIApp, refusals: Pace) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == TOO_MANY:
                    await self._refusals.turn()
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        with log_fields(request_id=request_id, correlation_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                for give_back in scope.get(_GIVE_BACK, ()):
                    give_back()
                seconds = time.perf_counter() - started
                _seconds(_route(scope), status).observe(seconds)
                if log.isEnabledFor(logging.INFO):
                    log.info(
                        "request answered",
                        extra={
                            "method": scope["method"],
                            "path": scope["path"],
                            "status": status,
                            "ms": round(seconds * 1000, 2),
                        },
                    )


@cache
def _seconds(route: str, status: int) -> Histogram:
    """Cached: finding the histogram of a pair of labels takes longer than observing a value."""
    return REQUEST_SECONDS.labels(route, str(status))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
            break
    return os.urandom(8).hex()


def _route(scope: Scope) -> str:
    """The pattern that matched, so that the label comes from a closed set."""
    route = scope.get("route")
    return getattr(route, "path", "unmatched")
