"""The log's own history as its owner may rule it: what becomes of commits that nobody can read or fold."""

from typing import Annotated, TypeAlias, assert_never

from msgspec import Meta, Struct
from msgspec.structs import replace

from commands.command import Command
from commands.context import Context
from commands.decider import Decider, Origin
from commands.fields import Reference
from commands.refusals import no_such
from events.commit import Event
from events.ids import Position
from events.log import (
    LOG_KIND,
    AggregateKind,
    PoisonRetried,
    PoisonSkipped,
    kind_of_id,
)
from events.store import subject_of
from runtime.errors import Rejected

# --- Commands ---


class RetryPoison(Command, frozen=True, kw_only=True):
    aggregate_id: Reference


class SkipPoison(Command, frozen=True, kw_only=True):
    """`position` left out: the first commit that cannot be decoded."""

    aggregate_id: Reference
    position: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


LogCommand: TypeAlias = RetryPoison | SkipPoison

# --- State ---


class Log(Struct, frozen=True):
    """`skipped` are the commits left out wherever they cannot be read, by the subject they stand on."""

    skipped: frozenset[tuple[str, Position]] = frozenset()


def evolve(state: Log, event: Event, origin: Origin) -> Log:
    match event:
        case PoisonSkipped(kind=kind, aggregate_id=id, position=position):
            return replace(state, skipped=state.skipped | {(subject_of(kind, id), position)})
        case _:
            return state


# --- Rules ---


def ruled_kind(aggregate_id: str) -> AggregateKind:
    """The kind of aggregate an id names. Raises `NotFound`."""
    kind = kind_of_id(aggregate_id)
    if kind is None:
        raise no_such("history")
    return kind


def _skip(state: Log, command: SkipPoison, stuck_position: Position | None) -> list[Event]:
    kind = ruled_kind(command.aggregate_id)
    if stuck_position is None:
        raise Rejected(
            f"Every commit of {command.aggregate_id} can be read. If a projection cannot fold one, name its"
            " position; `foundry doctor` shows it."
        )
    if (subject_of(kind, command.aggregate_id), stuck_position) in state.skipped:
        return []
    return [PoisonSkipped(kind=kind, aggregate_id=command.aggregate_id, position=stuck_position)]


# --- Decider ---


def decide(state: Log, command: LogCommand, context: Context) -> list[Event]:
    match command:
        case RetryPoison(aggregate_id=id):
            # Whether anything waits is known to the read models alone: where nothing does, it does nothing.
            return [PoisonRetried(kind=ruled_kind(id), aggregate_id=id)]
        case SkipPoison():
            return _skip(state, command, context.stuck_position)
        case _:
            assert_never(command)


LOG: Decider[Log, LogCommand] = Decider(
    name=LOG_KIND, initial=Log(), shape=Log, evolve=evolve, decide=decide
)
