"""What a process holds, as Linux tells it: memory, threads, open files, sockets."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Held(NamedTuple):
    megabytes: float
    """Resident and its own, without what it shares with files."""
    threads: int
    files: int
    sockets: int


def held_by(pid: int) -> Held:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    files = _open_files(pid)
    return Held(
        int(status["RssAnon"].split()[0]) / 1024,
        int(status["Threads"]),
        len(files),
        sum(one.startswith("socket:") for one in files),
    )


def children_of(pid: int) -> dict[int, str]:
    """The processes that one started itself, with their names."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
    return found


def _open_files(pid: int) -> list[str]:
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        # Closed since it was listed.
        with suppress(OSError):
            names.append(os.readlink(entry))
    return names
