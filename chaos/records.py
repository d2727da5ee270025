"""What the clients saw, written down as it happened: the checker believes nothing else about them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

Outcome = Literal["accepted", "refused", "again", "unknown"]
"""`again`: the server said that it did not do it, or cannot say. `unknown`: no answer came."""

NO_PROBLEM_DOCUMENT = "no problem document"
"""Stands for the code of a refusal that has none."""


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    at: float
    node: str
    outcome: Outcome
    status: int = 0
    code: str = ""
    answer: dict[str, Any] | None = None


class Commanded(Struct, frozen=True, kw_only=True, tag="commanded"):
    """One command under one key, however often it was sent."""

    key: str
    caller: str
    name: str
    fields: dict[str, Any]
    attempts: list[Attempt]
    cycle: int


class Looked(Struct, frozen=True, kw_only=True, tag="looked"):
    """A view as a node answered it; `at_least` is what was asked for, 0 for nothing."""

    node: str
    caller: str
    topic: str
    at_least: int
    epoch: str
    version: int
    data: Any


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """A stream; a native one says its cursor, the other what it holds."""

    at: float
    node: str
    native: bool
    topics: list[str]
    cursor: str | None
    held: dict[str, str | None]


class Asked(Struct, frozen=True, kw_only=True, tag="asked"):
    """More topics asked for on the open stream, each with what is held of it."""

    add: dict[str, str | None]


class Told(Struct, frozen=True, kw_only=True, tag="told"):
    """One event of the stream, exactly as it came, without its empty line."""

    block: str


class Closed(Struct, frozen=True, kw_only=True, tag="closed"):
    """The end of a stream, as far as the client could see."""

    at: float
    why: str


class Level(Struct, frozen=True, kw_only=True, tag="level"):
    """Here the stream said that it had been told everything up to a position."""

    position: int


Record: TypeAlias = Commanded | Looked | Opened | Asked | Told | Closed | Level


class Book:
    """One client's records, a line each. Held open for the whole run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=256 * 1024)
        self._encoder = msgspec.json.Encoder()

    def write(self, record: Record) -> None:
        self._file.write(self._encoder.encode(record) + b"\n")

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Record]:
    """The records of one client, in order."""
    decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
    with path.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
