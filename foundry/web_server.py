"""uvicorn, with the signals and the drain left to the composition root."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from foundry.patient_protocol import PatientProtocol
from runtime.errors import Unavailable

BACKLOG = 4096


class WebServer(uvicorn.Server):
    """uvicorn would stop at once on SIGTERM; here the streams and the work are drained first."""

    def __init__(self, app: ASGIApp, *, graceful_seconds: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                interface="asgi3",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # `foundry.application` has it where somebody looks at what it says.
                proxy_headers=False,
                timeout_graceful_shutdown=graceful_seconds,
                timeout_keep_alive=75,
                backlog=BACKLOG,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def serve_on(self, listener: socket.socket) -> None:
        """Serve until `should_exit`. Raises `Unavailable` when somebody else listens there by now."""
        try:
            # uvloop listens too, and does not tell anybody that it was refused.
            listener.listen(BACKLOG)
        except OSError as error:
            host, port = listener.getsockname()[:2]
            raise _unusable(host, port, error) from None
        await self.serve(sockets=[listener])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket. Raises `Unavailable` with a sentence when the address is taken.

    It is not listened on before the node is there to answer; so two that start together may both
    have it, and the one that comes second to listen is refused then.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from None
    return listener


def _unusable(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        f"Cannot listen on {host}:{port} ({error.strerror}); set FOUNDRY_LISTEN to another address."
    )


def url_of(host: str, port: int) -> str:
    """The URL at which this machine reaches a server that listens there."""
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
