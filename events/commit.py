"""A commit: the events of one accepted command, or of one report of a worker. One message, so all or nothing."""

import hashlib
from collections.abc import Callable, Mapping
from typing import get_args

from msgspec import Struct, field

from events.ids import OrganizationId, Position, Timestamp
from events.job import JobAnnounced, JobEvent
from events.log import LogEvent
from events.organization import OrganizationEvent
from events.repository import RepositoryEvent
from events.task import TaskEvent
from events.transcript import TranscriptEvent
from events.user import UserEvent

Event = (
    UserEvent
    | OrganizationEvent
    | RepositoryEvent
    | TaskEvent
    | JobAnnounced
    | JobEvent
    | TranscriptEvent
    | LogEvent
)

FORMAT = 1
"""The shape in which commits are written now; see `events/upcasters.py` for the older ones."""


class CommandRef(Struct, frozen=True, kw_only=True, gc=False):
    """The command a commit answers. `digest` is a hash of its body: the same key with another body is refused."""

    id: str
    name: str
    digest: str


class Commit(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one message of the stream holds.

    `actor` is a user id, `worker` for a report, or `node` for what a node noted by itself: that the log was cut, or
    its owner's token; `command` is None for both of these. `ids` are the ids the command's answer names.
    `correlation_id` is the request or command that started the chain of which this commit is a part.
    """

    at: Timestamp
    actor: str
    events: tuple[Event, ...]
    organization_id: OrganizationId | None = None
    command: CommandRef | None = None
    correlation_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


class Recorded(Struct, kw_only=True, eq=False, gc=False):
    """A commit at its place in the log. The body is decoded once, when it is first looked at."""

    position: Position
    subject: str
    message_id: str
    body: bytes
    decode: Callable[[bytes], Commit]
    decoded: Commit | None = None
    named_kind: str | None = None

    @property
    def kind(self) -> str:
        """The kind of aggregate whose history this is of, empty when the subject names none."""
        if self.named_kind is None:
            # Whoever may publish to the stream can choose a subject that is nobody's.
            names = self.subject.split(".", 2)
            self.named_kind = names[1] if len(names) == 3 else ""
        return self.named_kind

    @property
    def commit(self) -> Commit:
        """The decoded commit. Raises `events.codec.Undecodable` for bytes this code cannot read."""
        if self.decoded is None:
            self.decoded = self.decode(self.body)
        return self.decoded

    @property
    def fingerprint(self) -> str:
        """What tells this commit from another one at the same position."""
        told = hashlib.blake2b(self.message_id.encode(), digest_size=8)
        told.update(self.body)
        return told.hexdigest()

    def __repr__(self) -> str:
        return f"<{self.subject} @ {self.position}>"


def tag_of(event: Event) -> str:
    """The stored name of an event, `task_created`: what answers, causes and histories show."""
    return _TAGS[type(event)]


# Asking a class for its tag makes a description of the whole class each time.
_TAGS: Mapping[type[Event], str] = {one: str(one.__struct_config__.tag) for one in get_args(Event)}
