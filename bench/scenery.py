"""What a bench needs around it: a repository, and a whole system of its own as people start it."""

import os
import platform
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
MACHINE = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
START_SECONDS = 3600.0
"""A node may have a million events to fold before it is ready; one that fails ends at once."""
STOP_SECONDS = 30.0

_READY = re.compile(rb"ready at (http://\S+)\s")


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
    """A server: where it is, the token of a node's owner, and whose CPU time to ask for."""

    address: str
    token: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the process itself, without its children's."""
        return cpu_seconds_of(self.pid)

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )


def cpu_seconds_of(pid: int) -> float:
    """User and system time of a process, without its children's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def node(data: Path, *roles: str, **further: str) -> Iterator[Running]:
    """`foundry serve`, with all roles or the ones named, in a process of its own."""
    settings = {"FOUNDRY_DATA": str(data), "FOUNDRY_LISTEN": "127.0.0.1:0", **further}
    command = (sys.executable, "-m", "foundry", "serve", *roles)
    with program(command, data, PYTHONPATH=str(ROOT), **settings) as running:
        token = settings.get("FOUNDRY_TOKEN") or (data / "token").read_text().strip()
        yield running._replace(token=token)


@contextmanager
def program(command: Sequence[str], place: Path, **environ: str) -> Iterator[Running]:
    """A server that says where it is "ready at"; all it started ends with it. Its log stands beside `place`."""
    with place.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(place.parent), **environ},
            cwd=place.parent,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Running(_address(process), "", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_session(process.pid)


def end_session(session: int) -> None:
    """Kill what a program left behind that was started in a session of its own, whatever group it is in."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(entry.parent.name), signal.SIGKILL)


def _address(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    pipe, said, deadline = process.stdout.fileno(), b"", monotonic() + START_SECONDS
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while (found := _READY.search(said)) is None:
        readable = waiting.poll(max(0.0, deadline - monotonic()) * 1000)
        piece = os.read(pipe, 65536) if readable else b""
        if not piece:
            raise SystemExit(f"The server did not start: {said.decode(errors='replace')}")
        said += piece
    return found[1].decode()
