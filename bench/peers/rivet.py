"""RivetKit: an action that changes an actor's state and broadcasts to its connections."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.peers import present
from bench.scenery import end_session

SECONDS = 60.0


async def milliseconds(folder: Path, clients: int, actions: int) -> float | None:
    """The median time from an action's call to each client's event; None where it is not installed."""
    if not present.has_rivet():
        return None
    said = await asyncio.to_thread(_run, folder, clients, actions)
    rounds = [json.loads(line) for line in said.splitlines() if line.startswith(b"[")]
    return median(time for one in rounds for time in one) if rounds else None


def _run(folder: Path, clients: int, actions: int) -> bytes:
    process = subprocess.Popen(
        [
            "node",
            str(present.node_script("rivet.mjs")),
            *(str(number) for number in (present.free_port(), clients, actions)),
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RIVETKIT_STORAGE_PATH": str(folder / "rivet"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        print(f"skipped: RivetKit took more than {SECONDS:.0f} s", file=sys.stderr, flush=True)
        said = b""
    finally:
        # Its engine is a child that would outlive it.
        end_session(process.pid)
        process.wait()
    return said
