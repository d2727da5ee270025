"""`POST /v1/operator/rebuild/{projection}` and `/verify/`: what `foundry rebuild` asks a running node for."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from commands.credentials import OWNER
from foundry.event_log import EventLog
from projectors.build import build_in_child
from projectors.catalog import PROJECTIONS
from projectors.read_models import ReadModels
from projectors.rebuild import rebuild, verify
from runtime.errors import FoundryError, NotFound
from runtime.http import Authenticator
from runtime.problems import Forbidden, problem_document


def routes(models: ReadModels, log: EventLog, authenticator: Authenticator) -> list[Route]:
    """Only the log's owner may ask; the answer is a line of JSON per step, the last one the result."""

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
            return StreamingResponse(
                _lines(steps, request.url.path), media_type="application/x-ndjson"
            )

        return Route(path, answer, methods=["POST"])

    return [
        operation("/v1/operator/rebuild/{projection}", rebuild),
        operation("/v1/operator/verify/{projection}", verify),
    ]


async def _lines(steps: AsyncGenerator[object, None], instance: str) -> AsyncIterator[bytes]:
    try:
        async with aclosing(steps) as each:
            async for step in each:
                yield msgspec.json.encode(step) + b"\n"
    except FoundryError as error:
        yield msgspec.json.encode(problem_document(error, instance=instance)) + b"\n"
