"""Three nats-servers in the place of one: the leader can die, and one can be cut off from everybody.

A server that is cut off hears nobody and is heard by nobody, while its process runs on: what a broken switch does, and
no signal. Where it is allowed each server is a machine of its own whose cable is pulled out (`chaos.private_network`).
Elsewhere every way to a server goes through a proxy of ours, also the ways between them, and the proxies stand still.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import nats
from nats.errors import Error

from chaos.link import Link, link
from chaos.private_network import Cables, cables
from chaos.process import Process
from runtime.embedded_server import server_program
from runtime.settings import environment

SERVERS = ("nats-1", "nats-2", "nats-3")
ASKED_WITHIN = 3.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """`doors` are where clients reach each server, `routes` the proxies between one server and another, if there are any."""

    servers: Mapping[str, Process]
    cables: Cables | None
    doors: Mapping[str, Link]
    routes: Mapping[tuple[str, str], Link]
    urls: Sequence[str]

    async def cut_off(self, server: str, seconds: float) -> None:
        """For so long nothing comes to it or from it."""
        if self.cables is not None:
            await self.cables.pull(server, seconds)
            return
        # Afterwards all that was on its way arrives.
        ways = [self.doors[server], *(way for ends, way in self.routes.items() if server in ends)]
        async with asyncio.TaskGroup() as cut:
            for way in ways:
                cut.create_task(way.trouble("stall", seconds))

    async def leader(self) -> str:
        """Who leads the stream, as the first server that knows says; without one, the first server."""
        for url in self.urls:
            try:
                async with asyncio.timeout(ASKED_WITHIN):
                    client = await nats.connect(url, allow_reconnect=False)
                    try:
                        info = await client.jetstream(timeout=ASKED_WITHIN).stream_info("EVENTS")
                    finally:
                        await client.close()
            except (Error, OSError, TimeoutError):
                continue
            if info.cluster is not None and info.cluster.leader in self.servers:
                return str(info.cluster.leader)
        return SERVERS[0]


@asynccontextmanager
async def cluster(
    folder: Path, ports: Mapping[str, int], *, user: str, password: str, cabled: bool
) -> AsyncIterator[Cluster]:
    """`ports` has one for each server, and one by the name `<server> routes`. The servers are not started yet.

    `cabled` is whether a network of its own was entered.
    """
    async with AsyncExitStack() as stack:
        wires, hosts = None, dict.fromkeys(SERVERS, "127.0.0.1")
        if cabled:
            wires, hosts = stack.enter_context(cables(*SERVERS))
        doors = {
            server: await stack.enter_async_context(link(hosts[server], ports[server]))
            for server in SERVERS
        }
        routes = {}
        for one, other in () if cabled else itertools.permutations(SERVERS, 2):
            way = link("127.0.0.1", ports[f"{other} routes"])
            routes[one, other] = await stack.enter_async_context(way)
        servers = {}
        for server in SERVERS:
            settings = {
                "server_name": server,
                "listen": f"{hosts[server]}:{ports[server]}",
                "authorization": {"user": user, "password": password},
                "jetstream": {
                    "store_dir": str(folder / server),
                    # As in `deploy/nats.conf`, whose three servers stand on one machine.
                    "sync_interval": "always",
                    "max_file_store": 1 << 40,
                },
                "cluster": {
                    "name": "chaos",
                    "listen": f"{hosts[server]}:{ports[f'{server} routes']}",
                    "no_advertise": True,
                    "routes": [
                        f"nats-route://{routes[server, other].address}"
                        if routes
                        else f"nats-route://{hosts[other]}:{ports[f'{other} routes']}"
                        for other in SERVERS
                        if other != server
                    ],
                },
                "log_file": str(folder / f"{server}.log"),
            }
            place = (hosts[server], ports[server])
            before = wires.on(server) if wires is not None else []
            servers[server] = server_process(folder, server, settings, place, before)
        yield Cluster(
            servers=servers,
            cables=wires,
            doors=doors,
            routes=routes,
            urls=[f"nats://{user}:{password}@{hosts[one]}:{ports[one]}" for one in SERVERS],
        )


def server_process(
    folder: Path,
    name: str,
    settings: Mapping[str, object],
    place: tuple[str, int],
    before: Sequence[str] = (),
) -> Process:
    """A nats-server with these settings, ready when it takes connections; `before` stands before its command."""
    written = folder / f"{name}.conf"
    written.write_bytes(msgspec.json.encode(settings))

    async def answers() -> bool:
        _, writer = await asyncio.open_connection(*place)
        writer.close()
        return True

    return Process(
        name,
        [*before, str(server_program()), "-c", str(written)],
        {"PATH": environment()["PATH"]},
        folder / f"{name}.log",
        answers,
    )
