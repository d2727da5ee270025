"""Where git goes when it is given a path of this disk as a remote: not always where the path itself leads."""

import os
from collections.abc import Iterator
from pathlib import Path

_GITDIR = b"gitdir: "
_POINTER_BYTES = 8192
"""A file that names a place is no longer than a path and a word."""


def is_below(remote: str, root: Path) -> bool:
    """Whether all that git may take for the repository at this path lies below a folder, links followed."""
    real_root = os.path.realpath(root)
    return all(Path(os.path.realpath(place)).is_relative_to(real_root) for place in _places(remote))


def _places(remote: str) -> Iterator[str]:
    """A path without a repository stands for one named `.git` in it or behind it (gitrepository-layout, gitcli)."""
    for name in (remote, f"{remote}.git"):
        for place in (name, f"{name}/.git"):
            yield place
            # A file says where the repository is; the folder of a linked working tree where most of it is.
            pointer = _content(place)
            folder = place
            if pointer.startswith(_GITDIR):
                folder = _from(os.path.dirname(place), pointer.removeprefix(_GITDIR))
                yield folder
            if common := _content(f"{folder}/commondir"):
                yield _from(folder, common)


def _from(folder: str, named: bytes) -> str:
    return os.path.join(folder, os.fsdecode(named))


def _content(file: str) -> bytes:
    """What stands in a small file; nothing if there is none, or it may not be read, by git neither."""
    if not os.path.isfile(file):
        return b""
    try:
        with open(file, "rb") as opened:
            return opened.read(_POINTER_BYTES).rstrip(b"\r\n")
    except OSError:
        return b""
