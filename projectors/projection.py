"""What a projection is: a pure fold from events to rows, and the views those rows make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from events.commit import Commit, Event
from events.ids import Position, Timestamp
from projectors.rows import Rows

Project = Callable[[Rows, Event, Commit], None]
"""Fold one event of a commit into this projection's rows. No clock, no random, no I/O, nobody else's rows."""


class Trouble(Struct, frozen=True, kw_only=True):
    """The commits of an aggregate wait from `position` on; `over` once somebody decided about them, at `at`."""

    kind: str
    aggregate_id: str
    position: Position
    at: Timestamp
    over: bool


ShowTrouble = Callable[[Rows, Trouble], None]
"""Mark the rows of an aggregate that stands still, and take the mark away."""


@dataclass(frozen=True)
class View:
    """One kind of topic: the lists beside its own scalars, as list name -> entity.

    A `window` shows only the newest so many elements of its one, numbered list.
    """

    lists: Mapping[str, str]
    window: int | None = None


@dataclass(frozen=True)
class Projection:
    """`kinds` are the aggregates it wants to see; commits of others are skipped undecoded.

    `numbered` names the entities whose ids are numbers and ordered as such. `module` is where
    `project` is written: the epoch is a hash of it and of all it imports.
    """

    name: str
    kinds: frozenset[str]
    views: Mapping[str, View]
    project: Project
    module: str
    numbered: frozenset[str] = frozenset()
    show_trouble: ShowTrouble | None = None

    def view_of(self, topic: str) -> View:
        """The view of a topic such as `task/task_1`."""
        return self.views[topic.partition("/")[0]]
