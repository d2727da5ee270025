"""`POST /v1/operator/rebuild/{projection}` and `/verify/`: what `foundry rebuild` asks a running node for."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from commands.credentials import OWNER
from foundry.event_log import EventLog
from projectors.build import build_in_child
from projectors.catalog import PROJECTIONS
from projectors.read_models import ReadModels
from projectors.rebuild import rebuild, verify
from runtime.errors import FoundryError, NotFound
from runtime.http import Authenticator
from runtime.lifecycle import Gate
from runtime.problems import Forbidden, problem_document

WORK = "rebuild or verify"


def routes(
    models: ReadModels, log: EventLog, authenticator: Authenticator, gate: Gate
) -> list[Route]:
    """Only the log's owner may ask; the answer is a line of JSON per step, the last one the result or a problem."""

    def operation(path: str, work: Callable[..., AsyncGenerator[object, None]]) -> Route:
        async def answer(request: Request) -> Response:
            caller = await authenticator.caller(request)
            if caller.user_id != OWNER:
                raise Forbidden("Only the owner of this installation may do that.")
            projection = request.path_params["projection"]
            names = [one.name for one in PROJECTIONS]
            if projection not in names:
                raise NotFound(
                    f"There is no projection {projection[:100]!r}; there are {', '.join(names)}."
                )
            steps = work(models, log.store, projection, build_in_child(log.address))
            return _Steps(_lines(steps, request, gate), gate)

        return Route(path, answer, methods=["POST"])

    return [
        operation("/v1/operator/rebuild/{projection}", rebuild),
        operation("/v1/operator/verify/{projection}", verify),
    ]


class _Steps(StreamingResponse):
    """Starlette would cancel it when its reader leaves, and again at every wait: what is half built could not be cleared away."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[bytes], gate: Gate) -> None:
        super().__init__(lines)
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._gate.work(WORK, counted=False):
            await self.stream_response(send)


async def _lines(
    steps: AsyncGenerator[object, None], request: Request, gate: Gate
) -> AsyncIterator[bytes]:
    """Each step as a line. Whoever leaves is missed at the next one, and then the work ends there.

    What a drain cuts, before its last line, has a line that says so.
    """
    try:
        async with gate.request(WORK, counted=False), aclosing(steps) as each:
            async for step in each:
                if await request.is_disconnected():
                    return
                yield msgspec.json.encode(step) + b"\n"
    except FoundryError as error:
        yield msgspec.json.encode(problem_document(error, instance=request.url.path)) + b"\n"
