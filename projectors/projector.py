"""Folds commits into one projection's file: skips what it has, parks what it cannot fold, tells what changed."""

import hashlib
import logging
import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from events.codec import Undecodable
from events.commit import Commit, Recorded, tag_of
from events.ids import Position, Timestamp
from events.store import kind_of
from projectors.file import Checkpoint, Parked, ProjectionFile, TopicVersion
from projectors.projection import Projection
from projectors.rows import Rows, Sealed
from projectors.views import Change

log = logging.getLogger(__name__)

IDLE_COMMITS = 256
"""A file nothing is written to keeps its checkpoint in memory for so many commits: skipping them again is harmless."""

KNOWN_VERSIONS = 20_000


class Put(Struct, frozen=True, kw_only=True, tag="put", tag_field="op"):
    entity: str
    id: str
    value: Raw


class Remove(Struct, frozen=True, kw_only=True, tag="remove", tag_field="op"):
    entity: str
    id: str


class EventCause(Struct, frozen=True, kw_only=True, tag="event", tag_field="kind"):
    """Why a topic changed; `event` is the first of the commit's events that did."""

    event: str
    position: Position
    actor: str
    at: Timestamp
    command_id: str | UnsetType = UNSET


class Projector:
    """`fold` takes commits into memory, `flush` makes them durable; only then are they told."""

    def __init__(self, projection: Projection, epoch: str, file: ProjectionFile) -> None:
        self.projection = projection
        self.epoch = epoch
        self.file = file
        checkpoint = file.checkpoint()
        self.position = checkpoint.position
        """Everything up to here was folded."""
        self.stored_position = checkpoint.position
        """Everything up to here is in the file, or changed nothing in it."""
        self.complete = checkpoint.complete
        self._written = checkpoint
        self._message_id = checkpoint.message_id
        self._digest = checkpoint.digest
        self.folded_events = 0
        """Since the start; commits of other kinds are not even decoded."""
        self.rows = Rows(file)
        self._versions: dict[str, Position] = {}
        self._topics: dict[str, TopicVersion] = {}
        self._changes: list[Change] = []
        self._parked = {one.subject: one for one in file.parked()}
        self._newly_parked: list[Parked] = []

    @property
    def checkpoint(self) -> Checkpoint:
        """How far it is in memory; on disk it may be a little behind."""
        return Checkpoint(self.position, self._message_id, self._digest, self.complete)

    @property
    def pending_rows(self) -> int:
        return self.rows.waiting

    def parked(self) -> Sequence[Parked]:
        return tuple(self._parked.values())

    def fold(self, recorded: Recorded, *, logging_changes: bool) -> None:
        """Fold the next commit; one at or below the position is skipped."""
        if recorded.position <= self.position:
            return
        if (
            kind_of(recorded.subject) in self.projection.kinds
            and recorded.subject not in self._parked
        ):
            self._fold(recorded, logging_changes)
        self.position = recorded.position
        self._message_id = recorded.message_id
        self._digest = hashlib.blake2b(
            self._digest + recorded.message_id.encode(), digest_size=8
        ).digest()

    def flush(self, *, forget_changes: bool = False) -> Sequence[Change]:
        """Write what was folded in one transaction and give its changes, in the order of their positions."""
        changes, self._changes = self._changes, []
        changed = bool(self.rows.pending or self._topics or self._newly_parked)
        idle = not changed and not forget_changes and self._written.complete == self.complete
        if idle and self.position - self._written.position < IDLE_COMMITS:
            self.stored_position = self.position
            return changes
        try:
            with self.file.transaction():
                if forget_changes:
                    self.file.forget_changes()
                if changed:
                    self.file.write_rows(self.rows.pending)
                    self.file.write_topics(self._topics.values())
                    if changes:
                        self.file.write_changes(changes)
                    if self._newly_parked:
                        self.file.write_parked(self._newly_parked)
                self.file.write_checkpoint(self.checkpoint)
        except BaseException:
            self._forget()
            raise
        self.rows.flushed()
        self._topics.clear()
        while len(self._versions) > KNOWN_VERSIONS:
            del self._versions[next(iter(self._versions))]
        self._newly_parked.clear()
        self._written = self.checkpoint
        self.stored_position = self.position
        return changes

    def close(self) -> None:
        """Store the checkpoint if it moved, and let the file go."""
        try:
            if self._written != self.checkpoint and self.position == self.stored_position:
                with self.file.transaction():
                    self.file.write_checkpoint(self.checkpoint)
        finally:
            self.file.close()

    # --- Inside ---

    def _fold(self, recorded: Recorded, logging_changes: bool) -> None:
        try:
            commit = recorded.commit
            for event in commit.events:
                self.rows.begin(tag_of(event))
                self.projection.project(self.rows, event, commit)
        except Undecodable as error:
            self._park(recorded, f"cannot be decoded: {error}")
            return
        except (sqlite3.Error, OSError, MemoryError):
            # Not the event's fault: it will be read again.
            self._forget()
            raise
        # One aggregate with a commit that breaks the fold must not stop everybody else's updates.
        except Exception as error:
            self._park(recorded, f"cannot be folded: {error!r}")
            return
        self.folded_events += len(commit.events)
        for topic, sealed in self.rows.seal(recorded.position).items():
            if logging_changes:
                self._changes.append(self._change(topic, sealed, commit, recorded.position))
            self._set_version(TopicVersion(topic, recorded.position, sealed.ended))

    def _park(self, recorded: Recorded, reason: str) -> None:
        self.rows.undo()
        parked = Parked(subject=recorded.subject, position=recorded.position, reason=reason)
        self._parked[recorded.subject] = parked
        self._newly_parked.append(parked)
        log.exception(
            "aggregate parked",
            extra={
                "projection": self.projection.name,
                "subject": parked.subject,
                "position": parked.position,
            },
        )

    def _change(self, topic: str, sealed: Sealed, commit: Commit, position: Position) -> Change:
        cause = EventCause(
            event=sealed.event,
            position=position,
            actor=commit.actor,
            at=commit.at,
            command_id=commit.command.id if commit.command else UNSET,
        )
        changes = [
            Remove(entity=entity, id=id)
            if row is None
            else Put(entity=entity, id=id, value=Raw(row.encoded()))
            for (_, entity, id), row in sealed.touched
        ]
        return Change(
            topic=topic,
            epoch=self.epoch,
            base=self._version(topic),
            version=position,
            changes=_encode(changes),
            cause=_encode(cause),
        )

    def _version(self, topic: str) -> Position:
        version = self._versions.pop(topic, None)
        if version is None:
            version = self.file.version(topic)
        self._versions[topic] = version
        return version

    def _set_version(self, topic: TopicVersion) -> None:
        self._topics[topic.topic] = topic
        self._versions.pop(topic.topic, None)
        self._versions[topic.topic] = topic.version

    def _forget(self) -> None:
        """Back to what the file says: the commits since then will be read again."""
        self.rows.drop()
        self._changes.clear()
        self._versions.clear()
        self._topics.clear()
        self._newly_parked.clear()
        self._parked = {one.subject: one for one in self.file.parked()}
        self._written = self.file.checkpoint()
        self.complete = self._written.complete
        self.position = self.stored_position = self._written.position
        self._message_id = self._written.message_id
        self._digest = self._written.digest


_encode = msgspec.json.Encoder().encode
