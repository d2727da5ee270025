"""What happens to the log itself: it lost its end, or holds a commit that somebody has to decide about.

There is one such history, on a subject of its own. Every reader of the log knows it, whatever else
it wants to see: so all of them change their mind at the same position.
"""

from collections.abc import Mapping
from typing import Literal

from events.fact import Fact
from events.ids import Position, is_id

LOG_ID = "log_events"
LOG_KIND = "log"

AggregateKind = Literal["user", "organization", "repository", "task", "job", "transcript"]

KIND_OF_PREFIX: Mapping[str, AggregateKind] = {
    "usr": "user",
    "org": "organization",
    "repo": "repository",
    "task": "task",
    "job": "job",
    "ses": "transcript",
}
"""Prefix of an id -> the kind of aggregate whose history has that id in its subject."""


def kind_of_id(aggregate_id: str) -> AggregateKind | None:
    """The kind of aggregate an id names; None when it names none."""
    prefix = aggregate_id.partition("_")[0]
    return KIND_OF_PREFIX.get(prefix) if is_id(aggregate_id, prefix) else None


class LogCut(Fact, frozen=True, kw_only=True, tag="log_cut"):
    """A reader had folded the log up to `folded`, and that end of the log is no longer there.

    `mark` tells states that are folded from now on from older ones.
    """

    mark: str
    folded: Position


class PoisonRetried(Fact, frozen=True, kw_only=True, tag="poison_retried"):
    """The commits of an aggregate that wait behind an unreadable one are to be folded again."""

    kind: AggregateKind
    aggregate_id: str


class PoisonSkipped(Fact, frozen=True, kw_only=True, tag="poison_skipped"):
    """The commit at `position` is to be left out where it cannot be read or folded; what waits behind it goes on."""

    kind: AggregateKind
    aggregate_id: str
    position: Position


LogEvent = LogCut | PoisonRetried | PoisonSkipped
