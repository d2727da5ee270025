"""Pages of the sites in FOUNDRY_ALLOWED_ORIGINS may give commands and ask; the gateway sees to its streams itself."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.origins import Origins


def for_other_sites(app: ASGIApp, allowed: Sequence[str]) -> ASGIApp:
    """The same application, which also answers what browsers ask before they let such a page in."""
    if not allowed:
        return app
    origins = Origins(allowed)

    async def shared(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        answer = Response(status_code=204) if origins.asked_first(request) else app
        await answer(scope, receive, origins.allowing(request, send))

    return shared
