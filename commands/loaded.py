"""A state, and the positions in its history that it stands for."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from events.ids import BEGINNING, Position

S = TypeVar("S")


class Loaded(Struct, Generic[S], frozen=True):
    """A state after the commit at `position`, the last of its history that was folded.

    `command_position` is that of the last commit with which a command changed something. `keys` has the
    position of each commit by its key (`keys.key_of`).
    """

    state: S
    position: Position = BEGINNING
    command_position: Position = BEGINNING
    keys: Mapping[str, Position] = field(default_factory=dict)
