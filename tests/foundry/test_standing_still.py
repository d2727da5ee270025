"""A process that stands still ends, and says where."""

import os
import subprocess
import sys
from pathlib import Path

from foundry.loop_watch import STOOD_STILL
from foundry.reading import RESTARTS
from foundry.stop_signal import OVERDUE

ROOT = Path(__file__).parent.parent.parent

STANDING_STILL = """
import asyncio, time
from foundry.loop_watch import loop_watched

async def main():
    with loop_watched(every=0.02, looks=10):
        await asyncio.sleep(0.3)
        print("still here", flush=True)
        time.sleep(30)

asyncio.run(main())
"""


def test_an_event_loop_that_stands_still_ends_the_process_and_says_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STANDING_STILL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )

    assert done.returncode == STOOD_STILL
    assert "still here" in done.stdout
    assert "the event loop stands still" in done.stderr
    assert "in main" in done.stderr


READER_STOPPED = """
import asyncio
import os
from events.feed import Feed
from foundry.cli import main
from foundry.liveness import Liveness

async def stand_still(feed):
    await asyncio.Event().wait()

Feed.run = stand_still
Liveness.__init__.__kwdefaults__.update(look=0.05, stuck=0.2)
main(["serve"])
"""


def test_a_node_whose_reader_was_stopped_leaves_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READER_STOPPED],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "FOUNDRY_DATA": str(tmp_path / "data"),
            "FOUNDRY_LISTEN": "127.0.0.1:0",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "foundry: The reader of the log stands still and a new start did not help."
    )
    assert done.stderr.count("reader of the log started anew") == RESTARTS
    assert "Traceback" not in done.stderr


HANGING = """
import asyncio, os, signal, time
from foundry.stop_signal import StopSignal

async def hang():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def main():
    stop = StopSignal(within=0.5)
    hanging = asyncio.create_task(hang(), name="somebody who does not end")
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    hanging.cancel()
    await asyncio.wait([hanging])

asyncio.run(main())
"""


def test_a_stop_that_does_not_come_to_its_end_ends_the_process_and_says_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )

    assert done.returncode == OVERDUE
    assert "the stop takes too long, leaving at once" in done.stderr
