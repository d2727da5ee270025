"""Where the files of a projection are: `<name>-<epoch>.sqlite3`, `<epoch>-<n>` after the n-th repair."""

import re
from pathlib import Path

BUILDING = ".building"
"""Ends the name of a file that is being built beside the live one."""


def live_epoch(folder: Path, name: str, epoch: str) -> str:
    """The epoch with the number of its last repair, if a file says there was one."""
    numbers = [
        int(found[1] or 0)
        for path in folder.glob(f"{name}-{epoch}*.sqlite3")
        if (found := re.fullmatch(rf"{name}-{epoch}(?:-(\d+))?\.sqlite3", path.name))
    ]
    newest = max(numbers, default=0)
    return f"{epoch}-{newest}" if newest else epoch


def repaired(epoch: str) -> str:
    """The epoch after one more repair."""
    code, _, number = epoch.partition("-")
    return f"{code}-{int(number or 0) + 1}"


def path_of(folder: Path, name: str, epoch: str) -> Path:
    return folder / f"{name}-{epoch}.sqlite3"


def building_path(folder: Path, name: str, epoch: str) -> Path:
    return folder / f"{name}-{epoch}.sqlite3{BUILDING}"


def remove_others(folder: Path, name: str, live: Path) -> None:
    """Remove what older code or an interrupted rebuild left."""
    for path in folder.glob(f"{name}-*.sqlite3*"):
        if not path.name.startswith(live.name) or BUILDING in path.name:
            path.unlink(missing_ok=True)
