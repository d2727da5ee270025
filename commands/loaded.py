"""A state, and where in its history it stands."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from events.ids import BEGINNING, Position

S = TypeVar("S")


class Loaded(Struct, Generic[S], frozen=True):
    """`command_position` is that of the last commit with which a command changed something; `keys` leads from what `keys.key_of` says of a commit to its position."""

    state: S
    position: Position = BEGINNING
    command_position: Position = BEGINNING
    keys: Mapping[str, Position] = field(default_factory=dict)
