"""The event store as everybody else sees it. `events/memory.py` and `events/jetstream.py` keep the same promises."""

import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import islice
from typing import Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from events.commit import Commit, Recorded
from events.fact import Blob
from events.ids import BEGINNING, Position
from runtime.errors import Conflict

STREAM = "EVENTS"
SUBJECTS = "evt.>"

MAX_COMMIT_BYTES = 768 * 1024
"""More than this in one commit is a mistake of the writer: large content goes to a blob (`put_blob`)."""


def subject_of(kind: str, aggregate_id: str) -> str:
    """`evt.<kind>.<id>`: one subject per aggregate, never per event type. `aggregate_id` was checked by `is_id`."""
    return f"evt.{kind}.{aggregate_id}"


def kind_of(subject: str) -> str:
    """The kind of aggregate a subject belongs to: `task` for `evt.task.task_1`."""
    return subject.split(".", 2)[1]


def id_of(subject: str) -> str:
    """The aggregate's id: `task_1` for `evt.task.task_1`."""
    return subject.split(".", 2)[2]


class Limit(Struct, frozen=True):
    """How much of a history is wanted: at most `commits`, and none after the one with which they exceed `bytes`."""

    commits: int = sys.maxsize
    bytes: int = sys.maxsize

    @property
    def reached(self) -> bool:
        """Whether nothing more is wanted."""
        return self.commits <= 0 or self.bytes < 0

    def of(self, history: Iterable[Recorded]) -> list[Recorded]:
        """The beginning of a history, as far as it is wanted."""
        wanted: list[Recorded] = []
        size = 0
        for recorded in islice(history, self.commits):
            wanted.append(recorded)
            size += len(recorded.body)
            if size > self.bytes:
                break
        return wanted

    def after(self, found: Iterable[Recorded]) -> Self:
        """What is still wanted after these."""
        sizes = [len(recorded.body) for recorded in found]
        return replace(self, commits=self.commits - len(sizes), bytes=self.bytes - sum(sizes))


ALL = Limit()


class StalePosition(Conflict):
    """The aggregate is no longer at the position the writer expected: reload and decide again."""


class AlreadyStored(Exception):
    """A commit with this message id is stored already, at `position`, and it differs or does not directly follow `expected`.

    Two nodes that got one command at the same time end here: the stored commit is the outcome, and the
    state that the other node decided from may lack commits that stand before it.
    """

    def __init__(self, position: Position) -> None:
        super().__init__(f"stored already at {position}")
        self.position = position


class LostTail(Exception):
    """The log ends before a position that was read from it, or starts anew: it lost its tail."""


class EventStore(Protocol):
    @property
    def doubt_seconds(self) -> float:
        """How long, in seconds, a server that is cut off from the others may go on answering from an old state."""

    async def append(
        self, subject: str, commit: Commit, *, expected: Position, message_id: str
    ) -> Position:
        """Store a commit as the next one of `subject`; the position is durable when this returns.

        `expected` is the position of the subject's last commit, 0 for none. A second append of the
        same `message_id` to the same subject stores nothing: for ever when it expects what the first
        expected, and for two minutes whatever it expects. It answers the position of the first if
        that is this very commit and follows directly on `expected`, else it raises `AlreadyStored`. Raises
        `StalePosition` when somebody else was there first, and `Unavailable` when the store could
        not be reached and the commit is known not to be stored, or nobody can tell: try again with
        the same `message_id`.
        """

    async def load(
        self, subject: str, *, after: Position = BEGINNING, limit: Limit = ALL
    ) -> Sequence[Recorded]:
        """The commits of one subject after a position, oldest first; empty for a subject that never was.

        With a `limit` no more than that is read and kept, however long the history is.
        """

    async def last(self, subject: str) -> Recorded | None:
        """The newest commit of one subject, from the store itself and never from a cache."""

    async def at(self, position: Position) -> Recorded | None:
        """The commit at a position, None where there is none."""

    async def head(self) -> Position:
        """The position of the newest commit of all, 0 for an empty log: a reader gets this far and no further."""

    async def end(self) -> Position:
        """The last position that was assigned: above `head` when an operator deleted the newest commit."""

    def read(self, after: Position) -> AsyncGenerator[Sequence[Recorded], None]:
        """Every commit after a position in order, without gaps, then live ones as they come; never ends.

        Survives reconnects and restarts of the server. Raises `LostTail` when the log is found to end
        before what was read from it already.
        """

    async def put_blob(self, content: bytes) -> Blob:
        """Keep content outside the log; the same content is kept once. Durable when this returns."""

    async def get_blob(self, blob_id: str) -> bytes | None:
        """The content of a blob, None when there is none of that id."""
