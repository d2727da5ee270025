"""uvicorn, with the signals and the drain left to the composition root."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from foundry.patient_protocol import PatientProtocol
from runtime.errors import Unavailable


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
                timeout_graceful_shutdown=graceful_seconds,
                timeout_keep_alive=75,
                backlog=4096,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket. Raises `Unavailable` with a sentence when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"Cannot listen on {host}:{port} ({error.strerror}); set FOUNDRY_LISTEN to another address."
        ) from None
    return listener


def url_of(host: str, port: int) -> str:
    """How somebody on this machine reaches what listens there."""
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
