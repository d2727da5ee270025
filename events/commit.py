"""A commit: the events of one accepted command, or of one report of a worker. One message, so all or nothing."""

import hashlib
from collections.abc import Callable

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

    `actor` is a user id, `worker` for a report, or `node` for what a node noted about the log;
    `command` is None for both of these. `ids` are the ids the command's answer names.
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
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
