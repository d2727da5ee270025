"""Nodes of one log, each in a process of its own, so that each one's CPU time and memory can be told."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from bench.scenery import Running, node
from runtime.embedded_server import EmbeddedServer, embedded_server

Durability = Literal["fsync", "os"]


class Apart(NamedTuple):
    """A node that takes commands and one that reads; their nats-server, and a folder for all."""

    folder: Path
    server: EmbeddedServer
    commands: Running
    read: Running


@asynccontextmanager
async def apart(durability: Durability) -> AsyncIterator[Apart]:
    """The two nodes, without a worker."""
    async with log_server(durability) as (folder, server), AsyncExitStack() as nodes:
        commands = nodes.enter_context(node(folder / "commands", "commands", **shared(server)))
        settings = {**shared(server), "FOUNDRY_TOKEN": commands.token}
        read = nodes.enter_context(node(folder / "read", "read", **settings))
        yield Apart(folder, server, commands, read)


@asynccontextmanager
async def log_server(durability: Durability) -> AsyncIterator[tuple[Path, EmbeddedServer]]:
    """A nats-server in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="foundry-bench-") as name:
        folder = Path(name)
        (folder / "nats").mkdir()
        async with embedded_server(folder / "nats", durability=durability) as server:
            yield folder, server


def shared(server: EmbeddedServer) -> dict[str, str]:
    """The settings of a node that uses this server."""
    return {"FOUNDRY_NATS_URL": with_password(server), "FOUNDRY_LOG_LEVEL": "warning"}


def with_password(server: EmbeddedServer) -> str:
    return server.url.replace("nats://", f"nats://{server.user}:{server.password}@")
