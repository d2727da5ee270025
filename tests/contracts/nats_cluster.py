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

    def __init__(self, urls: list[str], folder: Path, files: list[Path], founders: int) -> None:
        self.urls = urls
        self.folder = folder
        self._files = files
        self._servers = {index: _started(files[index]) for index in range(founders)}

    def start(self, index: int) -> None:
        """After it was killed, or for the first time."""
        self._servers[index] = _started(self._files[index])

    def kill(self, index: int) -> None:
        self._servers[index].send_signal(signal.SIGKILL)
        self._servers[index].wait()

    def end(self) -> None:
        for index in self._servers:
            self.kill(index)


@contextmanager
def nats_cluster(folder: Path, *, founders: int = SIZE) -> Iterator[NatsCluster]:
    """The servers run while the context is open; they may not have found each other yet.

    The first `founders` of them run from the beginning, and know of no others.
    """
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
                "routes": routes[:founders] if index < founders else routes,
            },
        }
        file = folder / f"n{index}.conf"
        file.write_bytes(msgspec.json.encode(settings))
        files.append(file)
    urls = [f"nats://127.0.0.1:{port}" for port in client_ports]
    cluster = NatsCluster(urls, folder, files, founders)
    try:
        yield cluster
    finally:
        cluster.end()


def _started(file: Path) -> Popen[bytes]:
    return Popen([server_program(), "-c", file], stdout=DEVNULL, stderr=DEVNULL)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
