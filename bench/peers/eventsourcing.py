"""The library `eventsourcing`, making rows anew from its events."""

import asyncio
from pathlib import Path

from bench.peers import present
from bench.scenery import ROOT

MODULE = "bench.peers.eventsourcing_rebuild"
SECONDS = 120.0


async def rebuilt_per_second(folder: Path, events: int) -> float | None:
    """Events per second; None where it is not installed."""
    if not present.has_python():
        return None
    process = await asyncio.create_subprocess_exec(
        str(present.PYTHON),
        "-m",
        MODULE,
        str(folder / "eventsourcing.db"),
        str(events),
        env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return float(said)
