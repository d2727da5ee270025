"""Proxies for the tests of clients, in this process, on real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from foundry_client.chaos.playing import Stage
from foundry_client.chaos.proxy import ChaosProxy
from foundry_client.chaos.recording import Recording
from foundry_client.chaos.sources import Played, Upstream

QUICK_HEARTBEAT = 0.2


class Running:
    def __init__(self, proxy: ChaosProxy, address: str) -> None:
        self.proxy = proxy
        self.address = address

    def under(self, plan: str) -> str:
        """The address of a world of its own."""
        return f"{self.address}/~{plan}"


@asynccontextmanager
async def playing(
    recording: Recording, *, heartbeat: float = QUICK_HEARTBEAT
) -> AsyncIterator[Running]:
    proxy = ChaosProxy(
        lambda: Played(Stage(recording, pace=0, heartbeat=heartbeat), meanwhile=1), delay=0.05
    )
    async with serving(proxy) as running:
        yield running


@asynccontextmanager
async def before(url: str, *, plan: str = "") -> AsyncIterator[Running]:
    """Between a client and a real server."""
    client = httpx.AsyncClient()
    proxy = ChaosProxy(lambda: Upstream(client, url), plan=plan)
    async with client, serving(proxy) as running:
        yield running


@asynccontextmanager
async def serving(proxy: ChaosProxy) -> AsyncIterator[Running]:
    server = await proxy.listen()
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield Running(proxy, f"http://{host}:{port}")
    finally:
        server.close()
        await proxy.close()
