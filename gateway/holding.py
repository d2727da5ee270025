"""What a client holds of a topic, and what that means it needs: pure decisions (docs/protocol.md, "Order" and "Resume")."""

import re
from typing import Literal

from msgspec import Struct

from events.ids import Position
from projectors.views import Change

SnapshotCause = Literal["bootstrap", "gap", "conflated", "reset"]

_VERSION = re.compile(r"[0-9]{1,18}", re.ASCII)


class Holding(Struct, frozen=True):
    """A state some stream has told the client: `position` is the topic's version, or covers it.

    `exact` is False for what a cursor says: everything up to the position, whatever the topic's
    own version was.
    """

    epoch: str
    position: Position
    exact: bool


class Nothing(Struct, frozen=True):
    """The client is up to date at this version."""

    version: Position


class Replay(Struct, frozen=True):
    """The client lacks the changes after this position."""

    after: Position


class Whole(Struct, frozen=True):
    """The client needs all of it."""

    cause: SnapshotCause


Need = Nothing | Replay | Whole


def after(change: Change) -> Holding:
    """What a client holds that has applied a change."""
    return Holding(change.epoch, change.version, exact=True)


def parse_held(text: str | None) -> Holding | None:
    """`<epoch>.<version>` as a client sends it back; None for anything else, which means it holds nothing."""
    epoch, _, version = (text or "").rpartition(".")
    if not epoch or _VERSION.fullmatch(version) is None:
        return None
    return Holding(epoch, Position(int(version)), exact=True)


def need(holding: Holding, *, epoch: str, version: Position) -> Need:
    """What brings a client from what it holds to the topic's `epoch` and `version`."""
    if holding.epoch != epoch:
        return Whole("reset")
    if holding.position == version or (holding.position > version and not holding.exact):
        return Nothing(version)
    if holding.position > version:
        # No commit made this version here: the client's state is of another history.
        return Whole("gap")
    return Replay(holding.position)
