"""What the read side offers to those who answer and those who stream: snapshots, changes, and word of new ones.

A topic is named here as it is stored: `app` is `app/<user id>`, all others as in docs/protocol.md, "Views".
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from events.ids import Position


class Change(Struct, frozen=True, kw_only=True):
    """All that one commit changed in one topic. `changes` and `cause` are JSON, encoded once."""

    topic: str
    epoch: str
    base: Position
    version: Position
    changes: bytes
    cause: bytes
    ended: bool = False
    """There is no such topic any more."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A whole topic at one version, made by `snapshot_of`.

    `document` is the JSON as a client reads it, `data` the object in it of that name:
    the same bytes, not a copy.
    """

    topic: str
    epoch: str
    version: Position
    document: bytes
    data: memoryview


def snapshot_of(topic: str, *, epoch: str, version: Position, data: bytes) -> Snapshot:
    """The snapshot of a stored topic whose encoded `data` is this."""
    head = b'{"topic":%b,"epoch":%b,"version":%d,"data":' % (
        msgspec.json.encode(wire_name(topic)),
        msgspec.json.encode(epoch),
        version,
    )
    document = b"".join((head, data, b"}"))
    return Snapshot(
        topic=topic,
        epoch=epoch,
        version=version,
        document=document,
        data=memoryview(document)[len(head) : -1],
    )


def wire_name(stored: str) -> str:
    """The name clients know a stored topic by."""
    return "app" if stored.startswith("app/") else stored


Listener = Callable[[Sequence[Change], Position], None]
"""Told after each committed batch: its changes in position order, and the position now reached.

Called on the event loop and must not block; a batch that changed nothing still moves the position.
"""


class Views(Protocol):
    @property
    def position(self) -> Position:
        """Everything up to here is in the rows and was told to the listeners."""

    def epoch(self, projection: str) -> str:
        """The epoch of a projection's live file."""

    async def snapshot(self, topic: str) -> Snapshot | None:
        """Rows and version of a topic, read in one transaction; None when there is no such topic.

        Raises `Unavailable` (`rebuilding`) while the projection has no file it can serve.
        """

    async def version(self, topic: str) -> Position | None:
        """The position of the last commit that changed a topic; None when there is no such topic."""

    async def changes(self, topic: str, after: Position) -> Sequence[Change] | None:
        """The changes of a topic after a position, oldest first; None when the log does not reach back so far."""

    async def page(self, topic: str, *, before: int, limit: int) -> Snapshot | None:
        """A transcript's entries with an index below `before`, the newest `limit` of them."""

    async def reached(self, position: Position, *, within: float) -> None:
        """Wait until `position` is applied and told. Raises `Unavailable` (`not_caught_up`) after `within` seconds."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every batch from now on; the answer ends that."""

    def on_reset(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Tell `listener` the name of a projection whose live file was replaced by one with another epoch."""
