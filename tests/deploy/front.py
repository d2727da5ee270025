"""What nginx does with deploy/nginx.conf, as far as a client notices: routing, turns, and a second node after a silent one."""

from collections.abc import Mapping, Sequence
from itertools import count

import httpx

from tests.deploy.routing import route_of
from tests.deploy.topology import TOKEN, Topology
from tests.system.client import WITHIN, Client

PEOPLE = "http://people.test"


class Front(httpx.AsyncBaseTransport):
    """Sends each request to a node of the upstream its location names."""

    def __init__(self, upstreams: Mapping[str, Sequence[str]]) -> None:
        self._upstreams = upstreams
        self._turns = count()
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        route = route_of(request.url.path)
        nodes = self._upstreams[route.upstream]
        turn = next(self._turns)
        first, second = nodes[turn % len(nodes)], nodes[(turn + 1) % len(nodes)]
        try:
            return await self._send(request, first)
        except httpx.ConnectError:
            return await self._send(request, second)
        except httpx.TransportError:
            if not (route.again or request.method == "GET"):
                raise
            return await self._send(request, second)

    async def aclose(self) -> None:
        await self._network.aclose()

    async def _send(self, request: httpx.Request, node: str) -> httpx.Response:
        request.url = httpx.URL(node).copy_with(raw_path=request.url.raw_path)
        return await self._network.handle_async_request(request)


def people_of(topology: Topology) -> Client:
    """The owner, coming in by the port for people."""
    upstreams = {
        "commands": topology.upstream("commands"),
        "read": [*topology.upstream("read-1"), *topology.upstream("read-2")],
    }
    client = Client(PEOPLE, TOKEN)
    client.http = httpx.AsyncClient(
        transport=Front(upstreams), base_url=PEOPLE, headers=client.http.headers, timeout=WITHIN
    )
    return client
