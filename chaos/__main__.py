"""`make chaos SEED=7 CYCLES=20`: ends with one line of counts, and status 0 only if all that must be zero is."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos import private_mounts, private_network
from chaos.report import last_line, report
from chaos.run import run
from chaos.schedule import IN_A_CLUSTER, KINDS

SHORT = 5


def main() -> int:
    options = _options()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    # Before there is a thread or a child: all of them see the mounts of this process.
    mounting = not options.no_mount and private_mounts.enter()
    cabled = options.cluster and not options.no_mount and private_network.enter()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    if options.cluster:
        print("a server is cut off by", "its cable" if cabled else "proxies")
    print(f"seed {seed}, {options.cycles} cycles, records in {folder}", flush=True)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    outcome = asyncio.run(
        run(
            folder,
            seed=seed,
            count=options.cycles,
            only=options.only,
            mounting=mounting,
            clustered=options.cluster,
            cabled=cabled,
            say=say,
        )
    )
    print(report(outcome, time.monotonic() - began))
    if outcome.findings.clean and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"records of seed {seed} are in {folder}")
    print(last_line(outcome))
    return 0 if outcome.findings.clean else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed has the same faults")
    parser.add_argument("--cycles", type=int, default=SHORT)
    parser.add_argument(
        "--only",
        nargs="+",
        choices={**KINDS, **IN_A_CLUSTER},
        default=(),
        help="these faults alone",
    )
    parser.add_argument(
        "--cluster", action="store_true", help="on three nats-servers that replicate"
    )
    parser.add_argument("--keep", action="store_true", help="keep the records of a clean run too")
    parser.add_argument(
        "--no-mount", action="store_true", help="as where neither disks nor networks can be made"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
