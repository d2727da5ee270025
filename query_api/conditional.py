"""Answers that a client may cache and revalidate: ETag, If-None-Match, 304."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from projectors.catalog import PROJECTION_OF
from projectors.views import Views
from query_api.etag import etag, still_held

KEPT = {
    "Cache-Control": "private, no-cache",
    # The same address shows each person their own view, under tags that can be alike.
    "Vary": "Authorization, Cookie",
}


async def current_etag(views: Views, topic: str) -> str | None:
    """The tag of a stored topic now, without reading its rows; None when there is no such topic."""
    version = await views.version(topic)
    if version is None:
        return None
    return etag(views.epoch(PROJECTION_OF[topic.partition("/")[0]]), version)


async def unchanged(request: Request, views: Views, topic: str) -> Response | None:
    """304 when the client holds the topic's present version; None when it has to be read."""
    if "if-none-match" not in request.headers:
        return None
    tag = await current_etag(views, topic)
    return None if tag is None else not_modified(request, tag)


def not_modified(request: Request, tag: str, kept: Mapping[str, str] = KEPT) -> Response | None:
    """304 when the client holds the content with this tag; `kept` are the caching headers of its 200."""
    held = still_held(request.headers.getlist("if-none-match"), tag)
    return unmodified(tag, kept) if held else None


def unmodified(tag: str, kept: Mapping[str, str] = KEPT) -> Response:
    """304: the client holds the content with this tag, and may cache it as before."""
    return Response(status_code=304, headers={"ETag": tag, **kept})


def tagged(tag: str, document: bytes) -> Response:
    """200 with a JSON document and the tag to ask about it later."""
    return Response(document, media_type="application/json", headers={"ETag": tag, **KEPT})
