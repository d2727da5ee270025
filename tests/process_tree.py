"""Processes as Linux tells of them."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path


def runs(pid: int) -> bool:
    """Whether a process is alive; one that nobody has waited for is not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int, within: float = 10.0) -> bool:
    """Whether a process ends soon: one that was killed may take a moment on a busy machine."""
    deadline = time.monotonic() + within
    while runs(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


# A process or a thread of it may end while it is looked at: then nothing is below it.
_ENDED = (FileNotFoundError, ProcessLookupError)


def children(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    found: list[int] = []
    with suppress(*_ENDED):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(*_ENDED):
                found += map(int, (thread / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """Its words, a NUL behind each; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except _ENDED:
        return ""


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in children(pid) for below in descendants(child))]


def name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
