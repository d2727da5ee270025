"""`GET /v1/views/{topic}` as raw ASGI: whatever a person opens begins with one.

Without a query the body is the snapshot's own document, sent as it is kept.
"""

import time
from functools import cache

from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from projectors.views import Snapshot, Views
from query_api.conditional import KEPT, current_etag, unmodified
from query_api.etag import etag, still_held
from query_api.views import ViewAnswers
from query_api.visibility import Visibility
from runtime.http import Authenticator
from runtime.lifecycle import Gate
from runtime.metrics import BOOTSTRAP_SECONDS
from runtime.problems import answer_to
from runtime.request_head import Head

VIEWS = "/v1/views/"

_KEPT = [(name.lower().encode(), value.encode()) for name, value in KEPT.items()]


def is_view(scope: Scope) -> bool:
    """Whether a request may go to `ViewRoute` without a look at any other route."""
    path: str = scope["path"]
    return path.startswith(VIEWS) and bool(scope["method"] == "GET")


class ViewRoute:
    """Every error becomes its problem document here: nobody around has to look for one."""

    def __init__(
        self,
        views: Views,
        answers: ViewAnswers,
        visibility: Visibility,
        authenticator: Authenticator,
        gate: Gate,
    ) -> None:
        self._views = views
        self._answers = answers
        self._visibility = visibility
        self._authenticator = authenticator
        self._gate = gate
        self.route = Route("/v1/views/{topic:path}", self, methods=["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        scope["route"] = self.route
        try:
            answer = await self._answer(path.removeprefix(VIEWS), scope)
        except Exception as error:
            await answer_to(error, scope)(scope, receive, send)
        else:
            if isinstance(answer, Snapshot):
                await _send(answer, send)
            else:
                await answer(scope, receive, send)

    async def _answer(self, topic: str, scope: Scope) -> Snapshot | Response:
        async with self._gate.request("view"):
            head = Head(scope)
            caller = await self._authenticator.caller(head)
            if scope["query_string"]:
                return await self._answers.view(topic, Request(scope), caller)
            stored = await self._visibility.topic(caller, topic)
            held = head.joined(b"if-none-match")
            if held is not None:
                tag = await current_etag(self._views, stored)
                if tag is not None and still_held([held], tag):
                    return unmodified(tag)
            began = time.perf_counter()
            snapshot = await self._answers.present(stored)
            _seconds(topic.partition("/")[0]).observe(time.perf_counter() - began)
            return snapshot


async def _send(snapshot: Snapshot, send: Send) -> None:
    document = snapshot.document
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(document)),
        (b"etag", etag(snapshot.epoch, snapshot.version).encode()),
        *_KEPT,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": document})


@cache
def _seconds(view: str) -> Histogram:
    """Cached: finding the histogram of a label takes longer than observing a value."""
    return BOOTSTRAP_SECONDS.labels(view)
