"""The whole system as processes of their own: a nats-server, two nodes for commands, two for reading, a worker; and all ways between them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import httpx
import msgspec

from chaos.cluster import SERVERS, Cluster, cluster, server_process
from chaos.disk import Disk
from chaos.faults import COMMANDS, LOG, NODES, READS
from chaos.link import Link, link
from chaos.process import Process
from runtime.embedded_files import EmbeddedFiles, Remembered, configuration
from runtime.settings import environment

ROOT = Path(__file__).parent.parent
OWNER_TOKEN = "the-owner-in-all-this-chaos"
USER, PASSWORD = "chaos", "only-for-this-run"
PORTS = range(20_000, 32_000)
"""Below those the system gives away by itself: a part that is away for a moment finds its port again."""

SETTINGS = {
    "FOUNDRY_TOKEN": OWNER_TOKEN,
    "FOUNDRY_HEARTBEAT_SECONDS": "0.5",
    "FOUNDRY_DRAIN_SECONDS": "2",
    "FOUNDRY_MAX_AGENTS": "6",
}


@dataclass(frozen=True, kw_only=True)
class System:
    folder: Path
    disk: Disk
    parts: dict[str, Process]
    links: dict[str, Link]
    ports: dict[str, int]
    cluster: Cluster | None

    def url(self, node: str) -> str:
        """Where clients reach a node: through a proxy that may be in a bad mood."""
        return f"http://{self.links[f'clients>{node}'].address}"

    def direct_url(self, node: str) -> str:
        return f"http://127.0.0.1:{self.ports[node]}"

    @property
    def log_urls(self) -> Sequence[str]:
        """The nats-server itself, or all three, for whoever looks at the log and trusts nobody in between."""
        if self.cluster is not None:
            return self.cluster.urls
        return [f"nats://{USER}:{PASSWORD}@127.0.0.1:{self.ports[LOG]}"]

    async def ready(self) -> None:
        """Everything runs and takes work; the caller sets the deadline."""
        for part in self.parts.values():
            await part.ready()


@asynccontextmanager
async def system(
    folder: Path, *, mounting: bool, clustered: bool = False, cabled: bool = False
) -> AsyncIterator[System]:
    """Everything is ready inside, and gone afterwards. A cluster's disks are folders."""
    disk = Disk(folder, mounting=mounting and not clustered)
    try:
        async with AsyncExitStack() as stack:
            ports = _free_ports(
                (LOG, *NODES, *SERVERS, *(f"{server} routes" for server in SERVERS))
            )
            several = None
            doors = [ports[LOG]]
            if clustered:
                several = await stack.enter_async_context(
                    cluster(folder, ports, user=USER, password=PASSWORD, cabled=cabled)
                )
                doors = [door.port for door in several.doors.values()]
            links = {
                f"{node}>log": await stack.enter_async_context(link("127.0.0.1", *doors))
                for node in NODES
            } | {
                f"clients>{node}": await stack.enter_async_context(
                    link("127.0.0.1", ports[node], narrow=True)
                )
                for node in (*COMMANDS, *READS)
            }
            client = await stack.enter_async_context(
                httpx.AsyncClient(trust_env=False, timeout=5.0)
            )
            log = (
                {LOG: _nats_server(folder, disk.root, ports[LOG])}
                if several is None
                else dict(several.servers)
            )
            replicas = {} if several is None else {"FOUNDRY_NATS_REPLICAS": str(len(SERVERS))}
            parts = log | {
                node: _node(folder, node, ports[node], links[f"{node}>log"], client, replicas)
                for node in NODES
            }
            keepers = [asyncio.create_task(part.keep()) for part in parts.values()]
            try:
                for part in parts.values():
                    part.start()
                here = System(
                    folder=folder,
                    disk=disk,
                    parts=parts,
                    links=links,
                    ports=ports,
                    cluster=several,
                )
                async with asyncio.timeout(120):
                    await here.ready()
                yield here
            finally:
                for keeper in keepers:
                    keeper.cancel()
                await asyncio.wait(keepers)
    finally:
        disk.unmount()


def _nats_server(folder: Path, store: Path, port: int) -> Process:
    files = EmbeddedFiles(store)
    state = Remembered(user=USER, password=PASSWORD, port=port)
    # The project's own configuration, so that what it promises about the disk is what is tested.
    settings = msgspec.json.decode(configuration(files, state, name="chaos", durability="fsync"))
    settings["log_file"] = str(folder / "nats.log")
    # Else the server leaves a part of a small disk unused, and is never full.
    settings["jetstream"]["max_file_store"] = 1 << 40
    return server_process(folder, LOG, settings, ("127.0.0.1", port))


def _node(
    folder: Path,
    name: str,
    port: int,
    to_log: Link,
    client: httpx.AsyncClient,
    further: Mapping[str, str],
) -> Process:
    role = name.partition("-")[0]
    settings = {
        **SETTINGS,
        **further,
        "FOUNDRY_DATA": str(folder / name),
        "FOUNDRY_LISTEN": f"127.0.0.1:{port}",
        "FOUNDRY_NATS_URL": f"nats://{USER}:{PASSWORD}@{to_log.address}",
    }

    async def is_ready() -> bool:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    return Process(
        name,
        [sys.executable, "-m", "foundry", "serve", "workers" if role == "worker" else role],
        {
            "PATH": environment()["PATH"],
            # This checkout, whichever one is installed, and its clock that can be wrong.
            "PYTHONPATH": f"{ROOT}:{ROOT / 'chaos' / 'clock'}",
            **settings,
        },
        folder / f"{name}.log",
        is_ready,
    )


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    random = SystemRandom()
    ports: dict[str, int] = {}
    while len(ports) < len(names):
        port = random.choice(PORTS)
        with socket.socket() as probe:
            if port not in ports.values() and probe.connect_ex(("127.0.0.1", port)) != 0:
                ports[names[len(ports)]] = port
    return ports
