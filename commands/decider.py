"""The rules of one aggregate: how its state is folded from its history, and how a command is decided from that state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from commands.context import Context
from events.commit import Event, Recorded
from events.ids import BEGINNING, Position, Timestamp

S = TypeVar("S")
C = TypeVar("C")


class Absent(Struct, frozen=True):
    """The state of an aggregate whose history is empty."""


ABSENT = Absent()


class Origin(Struct, frozen=True, kw_only=True):
    """What a commit says around its events: where it stands, when and by whom it was made."""

    position: Position = BEGINNING
    at: Timestamp = Timestamp(0)
    actor: str = ""
    command_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[S]):
    """A kind of aggregate: how its histories are named and folded.

    `evolve` never raises: facts are facts. With `whole=False` the newest commit alone gives the
    state, so that a history of any length is loaded by one read.
    """

    name: str
    initial: S
    shape: type[Struct]
    """The type of its states, `ABSENT` aside."""
    evolve: Callable[[S, Event, Origin], S]
    whole: bool = True

    def fold(
        self, events: Sequence[Event], origin: Origin | None = None, state: S | None = None
    ) -> S:
        """The state after `events`, which all stand in one commit."""
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event, origin or Origin())
        return folded


@dataclass(frozen=True, kw_only=True)
class Decider(Kind[S], Generic[S, C]):
    """A kind of aggregate that takes commands.

    `decide` is pure. It answers the facts that follow, `[]` when all is already so, and raises
    `NotFound`, `Rejected`, `Conflict` or `Invalid`.
    """

    decide: Callable[[S, C, Context], list[Event]]


def origin_of(recorded: Recorded) -> Origin:
    """The origin of all events of a commit. Raises `Undecodable`."""
    commit = recorded.commit
    return Origin(
        position=recorded.position,
        at=commit.at,
        actor=commit.actor,
        command_id=commit.command.id if commit.command else None,
    )
