"""Starts peers from the packages that `make bench-peers` put into `.peers`; what is not there is skipped, visibly."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.scenery import ROOT, Running, program

PEERS = ROOT / ".peers"
PYTHON = PEERS / "venv" / "bin" / "python"
NGINX = PEERS / "debian" / "usr" / "sbin" / "nginx"
NCHAN = PEERS / "debian" / "usr" / "lib" / "nginx" / "modules" / "ngx_nchan_module.so"
NODE_MODULES = PEERS / "node_modules"

_HERE = Path(__file__).parent

_NGINX_CONF = """
load_module {module};
worker_processes 1;
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 16m;
  client_max_body_size 16m;
  keepalive_requests 10000000;
  nchan_shared_memory_size 512m;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/pub/(\\w+)$ {{ nchan_publisher http; nchan_channel_id $1; nchan_message_buffer_length 100; }}
    location ~ ^/sub/(\\w+)$ {{ nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
  }}
}}
"""


def has_python() -> bool:
    return _there("sse-starlette and eventsourcing", PYTHON)


def has_nchan() -> bool:
    return _there("nginx + nchan", NGINX, NCHAN)


def has_emmett() -> bool:
    built = NODE_MODULES / "sqlite3" / "build" / "Release" / "node_sqlite3.node"
    return _there("Emmett", NODE_MODULES / "@event-driven-io" / "emmett-sqlite", built) and _node()


def has_rivet() -> bool:
    return _there("RivetKit", NODE_MODULES / "rivetkit") and _node()


@contextmanager
def python_peer(module: str, folder: Path, *arguments: str) -> Iterator[Running]:
    """`bench.peers.<module>` in the peers' own environment."""
    command = (str(PYTHON), "-m", f"bench.peers.{module}", *arguments)
    with program(command, folder / module, PYTHONPATH=str(ROOT)) as running:
        yield running


@contextmanager
def sse_starlette(folder: Path) -> Iterator[Running]:
    with python_peer("sse_server", folder) as running:
        yield running


@contextmanager
def raw_asgi(folder: Path) -> Iterator[Running]:
    """The least a Python server can do that pushes; needs nothing that the project does not have."""
    with _own("raw_asgi", folder) as running:
        yield running


@contextmanager
def from_memory(folder: Path, size: int) -> Iterator[Running]:
    """The least a Python server can do that answers with so many bytes."""
    with _own("from_memory", folder, str(size)) as running:
        yield running


@contextmanager
def _own(module: str, folder: Path, *arguments: str) -> Iterator[Running]:
    command = (sys.executable, "-m", f"bench.peers.{module}", *arguments)
    with program(command, folder / module, PYTHONPATH=str(ROOT)) as running:
        yield running


@contextmanager
def nchan(folder: Path) -> Iterator[Running]:
    """nginx with nchan and one worker, whose CPU time and memory are the ones asked for."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(_NGINX_CONF.format(module=NCHAN, folder=folder, port=port))
    line = f"echo ready at http://127.0.0.1:{port}; exec {NGINX} -c {conf} -p {folder} -e stderr"
    with program(("sh", "-c", line), folder / "nchan") as running:
        yield running._replace(pid=_only_child(running.pid))


@contextmanager
def emmett(folder: Path) -> Iterator[Running]:
    command = ("node", str(node_script("emmett.mjs")), str(folder / "emmett.db"))
    with program(command, folder / "emmett") as running:
        yield running


def node_script(name: str) -> Path:
    """A program of ours beside the peers' packages: node looks for them from where the program stands."""
    return Path(shutil.copy(_HERE / name, PEERS / name))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _only_child(pid: int) -> int:
    """nginx listens before its worker is there; whoever connects meanwhile waits."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(children[0])
        time.sleep(0.02)
    raise SystemExit("nginx did not start.")


def _node() -> bool:
    return _there("node", Path(shutil.which("node") or "/nowhere/node"))


def _there(name: str, *files: Path) -> bool:
    if all(os.path.exists(one) for one in files):
        return True
    if name not in _missed:
        _missed.add(name)
        print(f"skipped: {name} is not installed (make bench-peers)", file=sys.stderr, flush=True)
    return False


_missed: set[str] = set()
