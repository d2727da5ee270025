"""`python -m bench.flame`: flame graphs of the hot paths under load, drawn by py-spy, in `docs/benchmarks/`."""

import asyncio
import re
from pathlib import Path

import uvloop

from bench.commands import organization_renames
from bench.fan_out import renames_in_turn
from bench.http_load import closed_loop
from bench.peers.present import PEERS
from bench.prepared import organizations
from bench.scenery import ROOT, Running
from bench.stream_load import get, open_streams, publish_in_window
from bench.topology import Apart, apart

_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')

PICTURES = ROOT / "docs" / "benchmarks"
PY_SPY = PEERS / "venv" / "bin" / "py-spy"
SECONDS = 15
SAMPLES = 100
"""A second; more would slow down what is looked at."""


async def pictures() -> None:
    """The command path with 64 clients, and the way from the log to 1,000 streams."""
    async with apart("fsync") as nodes:
        await _commands(nodes)
        await _fan_out(nodes)


async def _commands(nodes: Apart) -> None:
    requests = await organization_renames(nodes.commands, 64)
    load = asyncio.create_task(closed_loop(nodes.commands.address, requests, seconds=SECONDS + 4))
    await asyncio.sleep(2)
    await _record(nodes.commands, PICTURES / "flame-commands.svg")
    await load


async def _fan_out(nodes: Apart) -> None:
    ids = await organizations(nodes.commands, 1)
    request = get(f"/v1/stream?topic=workspace/{ids[0]}", nodes.read.token)
    readers = await open_streams(nodes.read.address, [request] * 1000, ready=b"event: ready")
    recording = asyncio.create_task(_record(nodes.read, PICTURES / "flame-fan-out.svg"))
    publish = renames_in_turn(nodes.commands, ids)
    while not recording.done():
        await publish_in_window(
            nodes.commands.address, publish, readers, messages=50, each=1000, window=16
        )
    await recording
    readers.close()


async def _record(server: Running, file: Path) -> None:
    """Only what holds the interpreter: threads that wait are no cost."""
    options = ("--duration", str(SECONDS), "--rate", str(SAMPLES), "--gil", "--output", str(file))
    process = await asyncio.create_subprocess_exec(
        str(PY_SPY), "record", *options, "--pid", str(server.pid)
    )
    assert await process.wait() == 0
    # py-spy's title is its command line, with the paths of this machine.
    file.write_text(_TITLE.sub(rf"\g<1>{file.stem}", file.read_text()))


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    uvloop.run(pictures())
