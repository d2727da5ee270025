"""Understands what git prints about differences; pure."""

import os
import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Kind = Literal["added", "modified", "deleted", "renamed"]

_SHOWN_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")
_GITLINK = "160000"
_HEADER = b"diff --git "


class ChangedEntry(Struct, frozen=True, kw_only=True):
    """One difference between two trees. `blob` is the new content, `patches` how many git prints for it.

    `source` is the path a renamed file had before.
    """

    path: str
    kind: Kind
    source: str | None
    blob: str
    added: int
    removed: int
    binary: bool
    patches: int


class Counts(Struct, frozen=True):
    added: int
    removed: int
    binary: bool


def shown_path(path: bytes) -> str:
    """A path as text. Git's paths are bytes: those that are no text are shown with their bytes as `\\xff`."""
    return path.decode("utf-8", "backslashreplace")


def path_shown_as(text: str) -> str:
    """The path, as the system takes names, that is no text and shown as this; the text itself when there is none."""
    path = _SHOWN_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return os.fsdecode(path) if shown_path(path) == text else text


def changed_entries(output: bytes) -> list[ChangedEntry]:
    """What `--raw --no-abbrev --numstat -z` printed: all differences, then the numbers of lines of each.

    Raises `ValueError` for what git does not print.
    """
    raw: list[tuple[bytes, bytes | None, list[str]]] = []
    numbers: dict[bytes, Counts] = {}
    fields = _Fields(output)
    for field in fields:
        if field.startswith(b":"):
            about = field.decode().removeprefix(":").split(" ")
            path = fields.following()
            moved = about[-1][:1] in ("R", "C")
            raw.append((fields.following(), path, about) if moved else (path, None, about))
        elif field:
            added, removed, path = field.split(b"\t", 2)
            if not path:
                # A rename: the old and the new path follow as fields of their own.
                fields.following()
                path = fields.following()
            numbers[path] = _counts(added, removed)
    return [
        _entry(path, source, about, numbers.get(path, _UNCOUNTED)) for path, source, about in raw
    ]


class _Fields:
    """What stands between NULs, some of which tell how many more belong to them."""

    def __init__(self, output: bytes) -> None:
        self._fields = iter(output.split(b"\0"))

    def __iter__(self) -> Iterator[bytes]:
        return self._fields

    def following(self) -> bytes:
        field = next(self._fields, None)
        if field is None:
            raise ValueError("The output of git ends within a change.")
        return field


class PatchSplitter:
    """Cuts the output of `--patch`, fed in pieces, into the patches of its files, keeping none longer than `each`.

    `expected` says how many headers belong to each file, in order; what comes after the last is dropped.
    """

    def __init__(self, expected: list[int], *, each: int, total: int) -> None:
        self._ends = [sum(expected[: number + 1]) for number in range(len(expected))]
        self._each = each
        self._left = total
        self._patches: list[str | None] = []
        self._headers = 0
        self._unseen = b""
        self._patch = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> None:
        # Inside a patch every line begins with a blank, a sign or a backslash: only headers look like headers.
        *parts, rest = (self._unseen + chunk).split(b"\n" + _HEADER)
        for part in parts:
            self._take(part + b"\n")
            self._next_header()
        # A header may be cut by the end of the chunk: as much as could be one waits for the next.
        keep = len(_HEADER)
        self._unseen = rest[-keep:]
        self._take(rest[:-keep])

    def finish(self) -> list[str | None]:
        """The patches of all expected files; None for those that are too long."""
        self._take(self._unseen)
        self._unseen = b""
        self._close()
        self._patches += [None] * (len(self._ends) - len(self._patches))
        return self._patches

    def _next_header(self) -> None:
        self._headers += 1
        if len(self._patches) < len(self._ends) and self._headers == self._ends[len(self._patches)]:
            self._close()
        self._take(_HEADER)

    def _take(self, part: bytes) -> None:
        if len(self._patches) >= len(self._ends) or self._too_long:
            return
        self._patch += part
        if len(self._patch) > min(self._each, self._left):
            self._too_long = True
            self._patch.clear()

    def _close(self) -> None:
        if len(self._patches) < len(self._ends):
            self._left -= len(self._patch)
            kept = None if self._too_long else self._patch.decode("utf-8", "replace")
            self._patches.append(kept)
        self._patch.clear()
        self._too_long = False


def _counts(added: bytes, removed: bytes) -> Counts:
    if added == b"-":
        return Counts(0, 0, True)
    return Counts(int(added), int(removed), False)


def _entry(path: bytes, source: bytes | None, about: list[str], number: Counts) -> ChangedEntry:
    _, new_mode, _, blob, status = about
    kind = _KINDS.get(status[:1], "modified")
    return ChangedEntry(
        path=shown_path(path),
        kind=kind,
        source=shown_path(source) if source is not None and kind == "renamed" else None,
        blob="" if new_mode == _GITLINK else blob,
        added=number.added,
        removed=number.removed,
        binary=number.binary,
        # A file that became a link, say, is printed as one that went and one that came.
        patches=2 if status[:1] == "T" else 1,
    )


_UNCOUNTED = Counts(0, 0, False)
_KINDS: dict[str, Kind] = {"A": "added", "D": "deleted", "R": "renamed", "C": "added"}
