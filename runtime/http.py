"""The HTTP edge that all routes share: who is asking, bounded bodies, JSON answers."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive

from runtime.errors import Invalid
from runtime.identity import COOKIE, Access, Caller, has_bearer, secret_of
from runtime.problems import Forbidden, TooLarge, Unauthenticated, UnsupportedMediaType
from runtime.request_head import AnyHead
from runtime.requests import at_its_end
from runtime.shared_timeout import SharedTimeout
from runtime.shares import Shares

DISCARD_LIMIT = 16 * 1024 * 1024
BODY_SECONDS = 60.0
"""Enough for the largest body over a slow line; a request that takes longer holds a place that others wait for."""


class JsonResponse(Response):
    """An answer encoded by msgspec; `bytes` content is sent as it is."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else msgspec.json.encode(content)


class Authenticator:
    """Finds the caller of a request and guards cookie-authenticated writes against other sites."""

    def __init__(
        self, access: Access, *, allowed_origins: Sequence[str] = (), shares: Shares | None = None
    ) -> None:
        self._access = access
        self._shares = shares
        self._allowed_origins = frozenset(allowed_origins)

    async def caller(self, request: AnyHead) -> Caller:
        """The caller, whose share is taken until the request ends.

        Raises `Unauthenticated`, `Forbidden` for a cookie sent by another site's page, `TooManyRequests`.
        """
        secret = secret_of(request.headers, request.cookies)
        caller = await self._access.identify(secret) if secret else None
        if caller is None:
            raise Unauthenticated(
                "Send `Authorization: Bearer <token>` (`foundry token` prints one) or sign in at /v1/login."
            )
        self.check_origin(request)
        if self._shares is not None:
            self._shares.take(caller.user_id)
            at_its_end(request.scope, partial(self._shares.give, caller.user_id))
        return caller

    def check_origin(self, request: AnyHead) -> None:
        """Refuse a write that another site's page sends with this browser's cookie."""
        if request.method in ("GET", "HEAD", "OPTIONS") or has_bearer(request.headers):
            return
        if "origin" in request.headers and COOKIE in request.cookies:
            self.check_site(request)

    def check_site(self, request: AnyHead) -> None:
        """Refuse what another site's page sends, whatever comes with it."""
        origin = request.headers.get("origin")
        if origin is None or origin.partition("://")[2] == request.headers.get("host"):
            return
        if origin not in self._allowed_origins:
            raise Forbidden(
                f"Pages of {origin} may not write here; add it to FOUNDRY_ALLOWED_ORIGINS if they should."
            )


def check_media_type(request: AnyHead, *allowed: str) -> None:
    """Raises `UnsupportedMediaType`. No media type at all is taken for the right one."""
    given = request.headers.get("content-type", allowed[0]).partition(";")[0].strip().lower()
    if given not in allowed:
        raise UnsupportedMediaType(f"Send {allowed[0]} here, not {given[:100]}.")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")


def body_patience() -> SharedTimeout:
    """How long the bodies that one part of the system reads are waited for."""
    return SharedTimeout(BODY_SECONDS)


async def read_body(receive: Receive, limit: int, patience: SharedTimeout) -> bytes:
    """The whole body, at most `limit` bytes, waited for with `patience` (`body_patience`).

    A larger one is read and thrown away up to 16 MB, so that the client gets to read the answer
    (`TooLarge`) instead of a broken pipe.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        with patience.begin():
            more = True
            while more and size <= DISCARD_LIMIT:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Invalid("The body ended before it was complete.")
                piece = message.get("body", b"")
                size += len(piece)
                if size <= limit:
                    pieces.append(piece)
                more = message.get("more_body", False)
    except TimeoutError:
        raise Invalid(
            f"The body did not arrive within {patience.seconds:g} s; send it again."
        ) from None
    if size > limit:
        raise TooLarge(f"The body may have {limit} bytes; send less.")
    return b"".join(pieces)
