"""Folds commits into one projection's file: skips what it has, lets wait what it cannot fold, tells what changed."""

import logging
import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from events.commit import Recorded
from events.ids import Position, Timestamp
from events.log import LOG_KIND
from events.log_prefix import LogPrefix
from projectors.epoch import after_cuts
from projectors.file import Checkpoint, ProjectionFile, TopicVersion
from projectors.folding import Folding
from projectors.parking import Parked, envelope_of
from projectors.projection import Projection
from projectors.rows import Rows, Sealed
from projectors.views import Change

log = logging.getLogger(__name__)

IDLE_COMMITS = 256
"""A file with nothing to write stores its checkpoint only every so many commits: skipping them again is harmless."""

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
        self.file_epoch = epoch
        self.file = file
        checkpoint = file.checkpoint()
        self._prefix = LogPrefix(checkpoint.fingerprint)
        self.position = checkpoint.position
        """Everything up to here was folded."""
        self.stored_position = checkpoint.position
        """Everything up to here is in the file, or changed nothing in it."""
        self.complete = checkpoint.complete
        self._written = checkpoint
        self._wanted = projection.kinds | {LOG_KIND}
        self.rows = Rows(file)
        self._folding = Folding(projection, self.rows)
        self._versions: dict[str, Position] = {}
        self._topics: dict[str, TopicVersion] = {}
        self._changes: list[Change] = []

    @property
    def epoch(self) -> str:
        """The epoch of this file: of the code, the repairs, and the last cut of the log that was folded."""
        return after_cuts(self.file_epoch, self._prefix.cuts)

    @property
    def checkpoint(self) -> Checkpoint:
        """How far it is in memory; on disk it may be a little behind."""
        return Checkpoint(self._prefix.fingerprint, self.complete)

    @property
    def folded_events(self) -> int:
        return self._folding.folded_events

    @property
    def pending_rows(self) -> int:
        return self.rows.waiting

    def parked(self) -> Sequence[Parked]:
        return tuple(self._folding.parking.parked.values())

    def fold(self, recorded: Recorded, *, logging_changes: bool) -> None:
        """Fold the next commit; one at or below the position is skipped."""
        if recorded.position <= self.position:
            return
        self._prefix.add(recorded)
        if recorded.kind in self._wanted:
            self._fold(recorded, logging_changes=logging_changes)
        self.position = recorded.position

    def flush(self, *, forget_changes: bool = False, completes: bool = False) -> Sequence[Change]:
        """Write what was folded in one transaction and give its changes, in the order of their positions.

        `completes`: with this write the rows show all there is; before it they did not.
        """
        changes, self._changes = self._changes, []
        changed = bool(self.rows.pending or self._topics)
        complete = self.complete or completes
        idle = not changed and not forget_changes and self._written.complete == complete
        if idle and self.position - self._written.position < IDLE_COMMITS:
            self.stored_position = self.position
            return changes
        checkpoint = Checkpoint(self._prefix.fingerprint, complete)
        try:
            with self.file.transaction():
                if forget_changes:
                    self.file.forget_changes()
                if changed:
                    self.file.write_rows(self.rows.pending)
                    self.file.write_topics(self._topics.values())
                    if changes:
                        self.file.write_changes(changes)
                self.file.write_checkpoint(checkpoint)
        except BaseException:
            self._forget()
            raise
        self.rows.flushed()
        self._topics.clear()
        while len(self._versions) > KNOWN_VERSIONS:
            del self._versions[next(iter(self._versions))]
        self._written = checkpoint
        self.stored_position = self.position
        self.complete = complete
        return changes

    def close(self) -> None:
        """Store the checkpoint if it moved and there is room for it, and let the file go."""
        try:
            if self._written != self.checkpoint and self.position == self.stored_position:
                with self.file.transaction():
                    self.file.write_checkpoint(self.checkpoint)
        except sqlite3.OperationalError as error:
            # The next start skips a few commits once more.
            log.warning(
                "the checkpoint is not stored",
                extra={"projection": self.projection.name, "reason": str(error)},
            )
        finally:
            self.file.close()

    # --- Inside ---

    def _fold(self, recorded: Recorded, *, logging_changes: bool) -> None:
        try:
            folded = self._folding.fold(recorded)
        except BaseException:
            self._forget()
            raise
        for topic, sealed in folded.items():
            if logging_changes:
                self._changes.append(self._change(topic, sealed, recorded))
            self._set_version(TopicVersion(topic, recorded.position, sealed.ended))

    def _change(self, topic: str, sealed: Sealed, recorded: Recorded) -> Change:
        envelope = envelope_of(recorded)
        cause = EventCause(
            event=sealed.event,
            position=recorded.position,
            actor=envelope.actor,
            at=envelope.at,
            command_id=envelope.command.id if envelope.command else UNSET,
        )
        changes = [
            Remove(entity=entity, id=id)
            if row is None
            else Put(entity=entity, id=id, value=Raw(row.encoded()))
            for (_, entity, id), row in sealed.touched.items()
        ]
        return Change(
            topic=topic,
            epoch=self.epoch,
            base=self._version(topic),
            version=recorded.position,
            changes=_encode(changes),
            cause=_encode(cause),
            ended=sealed.ended,
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
        self._folding.parking.recall()
        self._written = self.file.checkpoint()
        self._prefix = LogPrefix(self._written.fingerprint)
        # A file that was left behind says that it was complete once; it is not shown for that.
        self.complete = self.complete and self._written.complete
        self.position = self.stored_position = self._written.position


_encode = msgspec.json.Encoder().encode
