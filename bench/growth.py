"""`python -m bench.growth`: how cost grows with streams, topics and tasks, as pictures in `docs/benchmarks/`."""

import subprocess
from statistics import median

import msgspec
import uvloop
from msgspec import Struct

from bench.bootstrap import beside_memory
from bench.fan_out import Shape, ours_of
from bench.peers.present import PYTHON
from bench.scenery import ROOT

PICTURES = ROOT / "docs" / "benchmarks"

STREAMS = (100, 300, 1000, 3000)
TOPICS = (1, 10, 100, 1000)
TASKS = (10, 100, 1000, 3000, 10_000)


Line = list[tuple[float, float]]


class Picture(Struct, frozen=True):
    """One chart with both axes logarithmic; a line is a name and its points."""

    file: str
    title: str
    x: str
    y: str
    lines: dict[str, Line]


async def pictures() -> list[Picture]:
    return [await _streams(), await _topics(), await _tasks()]


async def _streams() -> Picture:
    points: Line = []
    for streams in STREAMS:
        messages = max(60, 60_000 // streams)
        runs, _ = await ours_of(Shape(streams, 1, messages, 1), 3)
        points.append((streams, 1e6 / median(runs)))
    return Picture(
        "streams",
        "One topic, one message at a time",
        "streams",
        "µs of CPU a delivery",
        {"ours": points},
    )


async def _topics() -> Picture:
    points: Line = []
    for topics in TOPICS:
        shape = Shape(1000, topics, max(200, topics), 16)
        runs, _ = await ours_of(shape, 3)
        points.append((topics, 1e3 * shape.each / median(runs)))
    return Picture(
        "topics",
        "1,000 streams spread over topics, 16 messages under way",
        "topics",
        "ms of CPU a message",
        {"ours": points},
    )


async def _tasks() -> Picture:
    ours: Line = []
    memory: Line = []
    async for _, content_bytes, our_rounds, their_rounds in beside_memory(TASKS, 100, 5):
        ours.append((content_bytes, median(our_rounds)))
        memory.append((content_bytes, median(their_rounds)))
    return Picture(
        "bootstrap",
        f"Reading a workspace of {TASKS[0]} to {TASKS[-1]:,} tasks",
        "bytes",
        "ms until the last byte",
        {"ours": ours, "the same bytes from memory": memory},
    )


def main() -> None:
    found = uvloop.run(pictures())
    PICTURES.mkdir(exist_ok=True)
    drawn = subprocess.run(
        [PYTHON, "-m", "bench.peers.plots", PICTURES],
        input=msgspec.json.encode(found),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    print(drawn.stdout.decode(), end="")
    (PICTURES / "growth.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    )


if __name__ == "__main__":
    main()
