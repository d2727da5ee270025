"""Three nats-servers that form a cluster on this machine, for what only replicas can get wrong."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import msgspec

from runtime.embedded_server import server_program

SIZE = 3


class NatsCluster:
    """Addresses for a client, and the power over each server's life."""

    def __init__(self, urls: list[str], files: list[Path]) -> None:
        self.urls = urls
        self._files = files
        self._servers = [_started(file) for file in files]

    def start(self, index: int) -> None:
        """After it was killed."""
        self._servers[index] = _started(self._files[index])

    def kill(self, index: int) -> None:
        self._servers[index].send_signal(signal.SIGKILL)
        self._servers[index].wait()


@contextmanager
def nats_cluster(folder: Path) -> Iterator[NatsCluster]:
    """The servers run while the context is open; they may not have found each other yet."""
    client_ports, route_ports = _free_ports(SIZE), _free_ports(SIZE)
    routes = [f"nats-route://127.0.0.1:{port}" for port in route_ports]
    files = []
    for index in range(SIZE):
        settings = {
            "server_name": f"n{index}",
            "listen": f"127.0.0.1:{client_ports[index]}",
            "jetstream": {"store_dir": str(folder / f"n{index}")},
            "cluster": {
                "name": "test",
                "listen": f"127.0.0.1:{route_ports[index]}",
                "routes": routes,
            },
        }
        file = folder / f"n{index}.conf"
        file.write_bytes(msgspec.json.encode(settings))
        files.append(file)
    cluster = NatsCluster([f"nats://127.0.0.1:{port}" for port in client_ports], files)
    try:
        yield cluster
    finally:
        for index in range(SIZE):
            cluster.kill(index)


def _started(file: Path) -> Popen[bytes]:
    return Popen([server_program(), "-c", file], stdout=DEVNULL, stderr=DEVNULL)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
