"""`python -m bench`: every measurement in one run, a table, and `bench/results/latest.json`."""

import argparse
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from importlib import metadata
from pathlib import Path

import msgspec
import uvloop

from bench import (
    bootstrap,
    cold_load,
    commands,
    fan_out,
    memory,
    rebuild,
    start,
    to_screen,
    transcript,
    usual_ways,
)
from bench.guard import losses
from bench.result import Result
from bench.scenery import MACHINE

SUITE: dict[str, Callable[..., AsyncIterator[Result]]] = {
    "fan_out": fan_out.measure,
    "memory": memory.measure,
    "commands": commands.measure,
    "usual_ways": usual_ways.measure,
    "to_screen": to_screen.measure,
    "bootstrap": bootstrap.measure,
    "cold_load": cold_load.measure,
    "transcript": transcript.measure,
    "rebuild": rebuild.measure,
    "start": start.measure,
}
LATEST = Path(__file__).parent / "results" / "latest.json"
BASELINE = LATEST.with_name("baseline.json")
"""A quick run that was committed: what the guard compares with."""


async def run(names: Sequence[str], *, quick: bool) -> list[Result]:
    found: list[Result] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        async for one in SUITE[name](quick=quick):
            print(row(one), flush=True)
            found.append(one)
    return found


HEAD = (
    "| work | ours | unit | limit | peers | ratio | goal | met | spread | note |\n"
    + "|---" * 10
    + "|"
)


def row(one: Result) -> str:
    """One line of the Markdown table."""
    peers = ", ".join(f"{name} {value:g}" for name, value in one.peers.items())
    met = {True: "yes", False: "**no**", None: ""}[one.met]
    cells = [
        one.name,
        f"{one.ours:g}",
        one.unit,
        "" if one.limit is None else f"{one.limit:g}",
        peers,
        "" if one.ratio is None else f"{one.ratio:g}",
        one.goal,
        met,
        "" if one.spread is None else f"{one.spread:.0%}",
        one.note,
    ]
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("nats-py", "uvicorn", "starlette", "uvloop")
    )
    return f"{MACHINE}, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SUITE)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument(
        "--guard", action="store_true", help="fail if a ratio fell by more than half"
    )
    parser.add_argument("--baseline", action="store_true", help="keep this run for the guard")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SUITE))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(SUITE)}")
    print(machine(), "\n", HEAD, sep="\n", flush=True)
    names = options.names or list(SUITE)
    quick = options.quick or options.guard
    found = uvloop.run(run(names, quick=quick))
    if not options.guard:
        write(LATEST, found if not options.names else renewed(LATEST, found))
    if options.baseline:
        write(BASELINE, found if not options.names else renewed(BASELINE, found))
    if options.guard:
        guard(names, found)


def guard(names: Sequence[str], found: Sequence[Result]) -> None:
    """Fail on a loss that a second run shows as well."""
    before = msgspec.json.decode(BASELINE.read_bytes(), type=list[Result])
    if not losses(before, found):
        return
    print("again, because of", *losses(before, found), sep="\n  ", file=sys.stderr, flush=True)
    again = {one.name: one for one in uvloop.run(run(names, quick=True))}
    lost_twice = losses(before, [again[one.name] for one in found if losses(before, [one])])
    if lost_twice:
        raise SystemExit("\n  ".join(["Slower than before:", *lost_twice]))


def renewed(file: Path, found: Sequence[Result]) -> list[Result]:
    """What a file holds, with the figures of a run of some names instead of the ones it had of these."""
    kept = msgspec.json.decode(file.read_bytes(), type=list[Result]) if file.exists() else []
    fresh = {one.name: one for one in found}
    known = {one.name for one in kept}
    return [
        *(fresh.get(one.name, one) for one in kept),
        *(one for one in found if one.name not in known),
    ]


def write(file: Path, found: Sequence[Result]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


if __name__ == "__main__":
    main()
