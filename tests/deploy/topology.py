"""The services of compose.yaml as plain processes on 127.0.0.1: same roles, same settings, same configuration of NATS."""

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from runtime.embedded_server import server_program
from tests.deploy.compose_file import ROOT, Compose, read_compose, with_variables
from tests.system.node_process import NodeProcess

CLIENT_PORT, ROUTE_PORT, MONITOR_PORT = 4222, 6222, 8222
TOKEN = "fdy_owner_of-the-topology"
SECRETS = {"FOUNDRY_NATS_PASSWORD": "only4this5test", "FOUNDRY_TOKEN": TOKEN}


@dataclass
class Topology:
    """`nodes` are the containers of each service of ours, `nats` the servers by their names."""

    folder: Path
    nats_url: str
    nats: dict[str, Popen[bytes]]
    nodes: dict[str, list[NodeProcess]]

    def kill_nats(self, name: str) -> None:
        """SIGKILL: it says goodbye to nobody."""
        self.nats[name].send_signal(signal.SIGKILL)
        self.nats[name].wait()

    def upstream(self, service: str) -> list[str]:
        """Where the containers of a service listen."""
        return [node.address for node in self.nodes[service]]


@contextmanager
def topology(folder: Path) -> Iterator[Topology]:
    """Everything is up and ready inside, and gone afterwards."""
    compose: Compose = with_variables(read_compose(), SECRETS)
    services = compose["services"]
    servers = [name for name in services if name.startswith("nats-")]
    addresses = _Addresses(servers)
    remotes = folder / "remotes"
    remotes.mkdir()
    with ExitStack() as stack:
        nats = {
            name: stack.enter_context(
                _nats_server(folder / name, name, services[name]["environment"], addresses)
            )
            for name in servers
        }
        nodes = {
            name: [
                NodeProcess(
                    folder / f"{name}-{number}",
                    *service["command"][1:],
                    **_settings(service["environment"], addresses, remotes),
                )
                for number in range(service.get("scale", 1))
            ]
            for name, service in services.items()
            if service["image"] == "foundry"
        }
        everybody = [node for containers in nodes.values() for node in containers]
        for node in everybody:
            stack.callback(node.end)
        with ThreadPoolExecutor(len(everybody)) as starting:
            # All at once, as compose does: on an empty log they race to make the stream and the owner.
            list(starting.map(NodeProcess.start, everybody))
        url = nodes_setting(services, "FOUNDRY_NATS_URL")
        yield Topology(folder, addresses.here(url), nats, nodes)


def nodes_setting(services: Compose, name: str) -> str:
    """A setting that all nodes share."""
    (value,) = {
        service["environment"][name]
        for service in services.values()
        if service["image"] == "foundry"
    }
    assert isinstance(value, str)
    return value


class _Addresses:
    """A free port of this machine for every place where a container would listen."""

    def __init__(self, servers: list[str]) -> None:
        places = [
            (name, port) for name in servers for port in (CLIENT_PORT, ROUTE_PORT, MONITOR_PORT)
        ]
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in places]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            self._ports = {
                place: probe.getsockname()[1] for place, probe in zip(places, probes, strict=True)
            }

    def here(self, text: str, *, own: str | None = None) -> str:
        """A text in which containers are named, with the places of this machine; `own` is whose `0.0.0.0` is meant."""
        for (name, port), there in self._ports.items():
            text = text.replace(f"{name}:{port}", f"127.0.0.1:{there}")
            if name == own:
                for anywhere in ("0.0.0.0", "127.0.0.1"):
                    text = text.replace(f'"{anywhere}:{port}"', f'"127.0.0.1:{there}"')
        return text


@contextmanager
def _nats_server(
    folder: Path, name: str, environment: Mapping[str, str], addresses: _Addresses
) -> Iterator[Popen[bytes]]:
    folder.mkdir()
    written = (ROOT / "deploy" / "nats.conf").read_text()
    settings = folder / "nats.conf"
    settings.write_text(
        addresses.here(written, own=name).replace('"/data"', f'"{folder / "data"}"')
    )
    told = {key: addresses.here(value) for key, value in environment.items()}
    with Popen(
        [server_program(), "--config", settings, "--log", folder / "server.log"],
        env={"PATH": os.environ["PATH"], **told},
        stdout=DEVNULL,
        stderr=DEVNULL,
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def _settings(
    environment: Mapping[str, str], addresses: _Addresses, remotes: Path
) -> dict[str, str]:
    settings = {name: addresses.here(value) for name, value in environment.items()}
    return settings | {
        "FOUNDRY_LISTEN": "127.0.0.1:0",
        "FOUNDRY_LOCAL_REPOSITORIES": str(remotes),
    }
