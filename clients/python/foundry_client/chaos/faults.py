"""What can be done to a stream, and plans: which fault meets which stream.

A plan is written as `503,cut@117,stall@40`: the first stream is answered 503, the second cut after
117 bytes of its body, the third stalls after 40, all later ones pass. `cut@1..900/7` stands for one
fault for each 7th byte, `random@42` for five faults drawn with the seed 42.
"""

import random
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

Leaving = Literal["cut", "reset", "half-close", "end", "stall", "tear", "bye"]
"""Faults after which nothing more is sent; `tear` waits for the next character of several bytes and cuts inside."""

Staying = Literal["delay", "duplicate", "drain"]
"""Faults after which the stream goes on; the last two act behind the frame that holds the byte."""

DRAWN = 5
FARTHEST = 4096
STATUSES = (503, 502, 429)

_FAULT = re.compile(r"([a-z-]+)@([0-9]+)(?:\.\.([0-9]+)(?:/([1-9][0-9]*))?)?", re.ASCII)
_STATUS = re.compile(r"[45][0-9][0-9]", re.ASCII)


class AtByte(Struct, frozen=True):
    """`kind` happens when `offset` bytes of the body were sent."""

    kind: Leaving | Staying
    offset: int

    @property
    def name(self) -> str:
        return self.kind


class Answer(Struct, frozen=True):
    """The stream is not opened: its request gets this status."""

    status: int

    @property
    def name(self) -> str:
        return str(self.status)


Fault: TypeAlias = AtByte | Answer

KINDS: tuple[Leaving | Staying, ...] = (*get_args(Leaving), *get_args(Staying))


class BadPlan(ValueError):
    """The text is no plan; the message says what of it."""


def parse_plan(text: str) -> list[Fault]:
    """The faults of a plan in the order of the streams they meet. Raises `BadPlan`."""
    return [fault for part in text.split(",") if part for fault in _faults(part.strip())]


def _faults(part: str) -> Iterator[Fault]:
    if _STATUS.fullmatch(part):
        yield Answer(int(part))
        return
    match = _FAULT.fullmatch(part)
    if match is None:
        raise BadPlan(f"{part!r} is neither a status nor <kind>@<byte>.")
    name, first, last, step = match.groups()
    if name == "random" and last is None:
        yield from _drawn(int(first))
        return
    kind = next((kind for kind in KINDS if kind == name), None)
    if kind is None:
        raise BadPlan(f"{name!r} is none of {', '.join(KINDS)}, random.")
    for offset in range(int(first), int(last or first) + 1, int(step or 1)):
        yield AtByte(kind, offset)


def _drawn(seed: int) -> Iterator[Fault]:
    draw = random.Random(seed)
    for _ in range(DRAWN):
        number = draw.randrange(len(KINDS) + 1)
        if number == len(KINDS):
            yield Answer(draw.choice(STATUSES))
        else:
            # As many breaks among the first hundred bytes as among the thousands that follow.
            yield AtByte(KINDS[number], round(FARTHEST ** draw.random()))
