"""Serves bytes from memory over Starlette and uvicorn: the least that a read over HTTP can cost here."""

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.serving import serve


def application(size: int) -> Starlette:
    body = b"x" * size

    async def read(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/", read)])


if __name__ == "__main__":
    serve(application(int(sys.argv[1])))
