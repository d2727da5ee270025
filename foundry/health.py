"""Is this node alive, is it ready, and what does it measure (docs/operations.md, "Start, drain, stop")."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foundry.figures import Figures
from runtime.http import JsonResponse
from runtime.metrics import EVENT_LOOP_TASKS

Sentences = Callable[[], Sequence[str]]


def routes(
    *, about: Callable[[], Mapping[str, object]], reasons: Sentences, notices: Sentences
) -> list[Route]:
    """`reasons` keep the node from being ready; `notices` do not, and somebody should look at them."""
    figures = Figures(_measured)

    async def healthz(request: Request) -> Response:
        return JsonResponse({"status": "alive", **about()}, headers={"Cache-Control": "no-store"})

    async def readyz(request: Request) -> Response:
        why = list(reasons())
        return JsonResponse(
            {
                "status": "not_ready" if why else "ready",
                "reasons": why,
                "notices": list(notices()),
                **about(),
            },
            status_code=503 if why else 200,
            headers={"Cache-Control": "no-store"} | ({"Retry-After": "1"} if why else {}),
        )

    async def metrics(request: Request) -> Response:
        return Response(await figures.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def _measured() -> bytes:
    EVENT_LOOP_TASKS.set(len(asyncio.all_tasks()))
    return generate_latest()
