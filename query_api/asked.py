"""Every question passes here: admitted while not draining, from a known caller, and answered by one function."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from projectors.views import Views
from query_api.parameters import has_control, position
from query_api.visibility import Visibility, unseen
from runtime.http import Authenticator
from runtime.identity import Caller
from runtime.lifecycle import Gate

Handler = Callable[[Request, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

WAIT_SECONDS = 5.0
"""How long a question waits for the position it names, or for what the write side knows already."""


def asked(answer: Handler, *, gate: Gate, authenticator: Authenticator) -> Endpoint:
    """A Starlette endpoint: 503 while draining, 401 for strangers, then the answer."""
    name = getattr(answer, "__name__", "question")

    async def endpoint(request: Request) -> Response:
        async with gate.request(name):
            caller = await authenticator.caller(request)
            # Starlette's patterns drop a newline at the end of a path, so that two addresses would be one.
            if has_control(request.scope["path"]):
                raise unseen()
            return await answer(request, caller)

    return endpoint


async def caught_up(request: Request, views: Views, visibility: Visibility, caller: Caller) -> None:
    """Wait for the position the question names, if it names one. Raises `Unavailable` (`not_caught_up`).

    Raises `Unauthenticated` if the caller's credential ended up to there: who it is was asked before the wait.
    """
    at_least = position(request.query_params, "at_least")
    if at_least is not None:
        await views.reached(at_least, within=WAIT_SECONDS)
        await visibility.check_credential(caller)
