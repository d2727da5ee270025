"""How every Python peer is served: uvicorn with uvloop and httptools, as fast as it is documented to be."""

import socket
from typing import Any

import uvicorn


def serve(application: Any) -> None:
    """Serve at a free port of this machine, and say which, until SIGTERM."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(f"ready at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        application,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=4096,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    uvicorn.Server(config).run(sockets=[listener])
