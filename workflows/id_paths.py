"""Places on a disk that are named after an id."""

from pathlib import Path

from events.ids import is_id
from runtime.errors import Rejected


def place_of(folder: Path, thing_id: str, prefix: str) -> Path:
    """The place in `folder` of what has this id. Raises `Rejected`: text that is no id may lead to any other place."""
    if not is_id(thing_id, prefix):
        raise Rejected(f"{thing_id!r} is no id of the kind {prefix}_.")
    return folder / thing_id
