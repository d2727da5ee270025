"""What a bench needs around it: a repository, and a whole system of its own as people start it."""

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 30.0

_READY = re.compile(rb"ready at (http://\S+) ")


def git_repository(path: Path, files: int = 200) -> Path:
    """A repository with one commit of so many small files."""
    path.mkdir(parents=True)
    for number in range(files):
        (path / f"file-{number}.txt").write_text(f"{number}\n" * 20)
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "-qm", "Begin"),
    ):
        subprocess.run(["git", *command], cwd=path, check=True)
    return path


class Running(NamedTuple):
    """A node: where it is, its owner's token, and whose CPU time to ask for."""

    address: str
    token: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the node's own process, without its children's."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )


@contextmanager
def node(data: Path, *roles: str, **further: str) -> Iterator[Running]:
    """`foundry serve`, with all roles or the ones named, in a process of its own."""
    settings = {"FOUNDRY_DATA": str(data), "FOUNDRY_LISTEN": "127.0.0.1:0", **further}
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "foundry", "serve", *roles],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings},
            cwd=data.parent,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        address = _address(process)
        yield Running(address, (data / "token").read_text().strip(), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    pipe, said, deadline = process.stdout.fileno(), b"", monotonic() + START_SECONDS
    while (found := _READY.search(said)) is None:
        readable, _, _ = select.select([pipe], [], [], max(0, deadline - monotonic()))
        piece = os.read(pipe, 65536) if readable else b""
        if not piece:
            raise SystemExit(f"The system did not start: {said.decode(errors='replace')}")
        said += piece
    return found[1].decode()
