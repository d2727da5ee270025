"""Asking an embedded nats-server for a sign of life."""

from runtime.connection import connect
from runtime.embedded_server import (
    EmbeddedServer,
)


async def reachable(server: EmbeddedServer) -> str:
    """The version of the server, asked of it; waits while it is restarted."""
    async with connect(
        server.url, user=server.user, password=server.password, within=10
    ) as connection:
        return connection.server_version
