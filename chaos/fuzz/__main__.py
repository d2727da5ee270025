"""Starts a server with a town in it, lets schemathesis at it, and then asks the server whether it is still well.

A finding is a 500, a status or an answer that the document does not have, something accepted that the document
forbids or refused that it allows, and a server that does not answer any more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.scenery import ROOT, Running, git_repository, node

HERE = Path(__file__).parent
NOT_ASKED = ("/v1/stream", "/v1/logout")
"""A stream has no end, and is shown anything in `tests/gateway/test_decoding.py`; whoever signs out is out."""


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        git_repository(folder / "project", files=3)
        settings = {"FOUNDRY_LOG_LEVEL": "error", "FOUNDRY_HEARTBEAT_SECONDS": "1"}
        with node(folder / "data", **settings) as server, _client(server) as client:
            known = _town(client, folder / "project")
            with _stream(client) as sid:
                status = _fuzzed(options, server, {**known, "sid": sid}, folder)
            well = client.get("/readyz")
            log = (folder / "data.log").read_text()
        print(f"afterwards: {well.status_code} {well.json()['status']}", end=", ")
        print(f"the server's log has {log.count('Traceback')} tracebacks")
        print(log[-5000:], end="")
        return 1 if status or well.status_code != 200 or "Traceback" in log else 0


def _fuzzed(
    options: argparse.Namespace, server: Running, known: Mapping[str, str], folder: Path
) -> int:
    """The exit status of schemathesis, which prints what it did and found."""
    without = (part for path in NOT_ASKED for part in ("--exclude-path", path))
    return subprocess.run(
        [
            *(options.schemathesis, "--config-file", str(HERE / "schemathesis.toml"), "run"),
            f"{server.address}/v1/openapi.json",
            *("--header", f"Authorization: Bearer {server.token}"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(options.examples)),
            *("--seed", str(options.seed)),
            *("--request-timeout", "20"),
            *("--generation-database", "none"),
            *("--warnings", "off"),
            "--continue-on-failure",
            *without,
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "FUZZ_KNOWN": json.dumps(known),
        },
        check=False,
    ).returncode


@contextmanager
def _client(server: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=30) as client:
        yield client


@contextmanager
def _stream(client: httpx.Client) -> Iterator[str]:
    """A stream that is open meanwhile; what it carries is changed by the fuzzed requests."""
    enough = threading.Event()

    def read_on() -> None:
        for _ in lines:
            if enough.is_set():
                return

    with client.stream("GET", "/v1/stream?topic=app") as stream:
        lines = stream.iter_lines()
        hello = next(line for line in lines if line.startswith("data: "))
        reading = threading.Thread(target=read_on, name="stream")
        reading.start()
        try:
            yield json.loads(hello.removeprefix("data: "))["sid"]
        finally:
            # The next heartbeat ends it.
            enough.set()
            reading.join()


def _town(client: httpx.Client, repository: Path) -> dict[str, str]:
    """Something of each kind, by the names that requests call it."""

    def submit(command: str, /, **fields: str) -> dict[str, str]:
        answer = client.post(f"/v1/commands/{command}", json=fields).raise_for_status()
        ids: dict[str, str] = answer.json()["ids"]
        return ids

    known = submit("organization.create", name="Fuzz")
    known |= submit("repository.add", **known, remote_url=str(repository))
    known |= submit("task.create", repository_id=known["repository_id"], prompt="echo hello")
    known |= submit("user.create", name="Somebody")
    return known


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos.fuzz", description=__doc__)
    parser.add_argument("--schemathesis", required=True, help="the program")
    parser.add_argument("--examples", type=int, default=50, help="inputs for each operation")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
