"""Aggregates that wait: a commit that cannot be decoded or folded stops the rows of its aggregate, and nobody else's.

What waits is kept among the projection's own rows, under entities no view shows: so it is written,
undone, rebuilt and compared as they are. An operator decides (`events.log`), and the decision holds
from its own position on: every node folds, or leaves out, the same commits at the same place.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from events import codec
from events.commit import CommandRef, Event, Recorded
from events.ids import Position, Timestamp
from events.log import LOG_KIND, PoisonRetried, PoisonSkipped
from events.store import id_of, kind_of, subject_of
from projectors.projection import Projection, Trouble
from projectors.rows import Rows

PARKED = "parked"
AGGREGATE = "_aggregate"
COMMIT = "_commit"

NOTICE = "unreadable"
"""What the change of a marked row names as its event: there is none that could be read."""


class Parked(Struct, frozen=True, kw_only=True):
    """An aggregate whose commits wait from `position` on, because that one could not be folded."""

    subject: str
    position: Position
    reason: str


class Waiting(Struct, frozen=True, kw_only=True):
    message_id: str
    body: bytes


class Envelope(Struct, frozen=True):
    """What stands around a commit's events: it can often be read where they cannot."""

    at: Timestamp = Timestamp(0)
    actor: str = ""
    command: CommandRef | None = None


class Parking:
    """`parked` are those that wait now, by subject."""

    def __init__(self, projection: Projection, rows: Rows) -> None:
        self._projection = projection
        self._rows = rows
        self._parked: dict[str, Parked] = {}
        self.recall()

    @property
    def parked(self) -> Mapping[str, Parked]:
        return self._parked

    def recall(self) -> None:
        """Read what is parked from the rows again: what was not written is forgotten."""
        found = [
            self._rows.get(PARKED, AGGREGATE, subject, Parked)
            for subject in self._rows.ids(PARKED, AGGREGATE)
        ]
        self._parked = {one.subject: one for one in found if one is not None}

    def due(self, recorded: Recorded) -> Sequence[Recorded]:
        """The commits to be folded now, at the position of this one.

        That is this one; none while its aggregate waits, or where the projection does not want it;
        and what waited, when this one is the decision about it. The rows this changes are to be
        sealed before the first of them is folded.
        """
        if recorded.kind == LOG_KIND:
            return self._decided(recorded)
        if recorded.kind not in self._projection.kinds:
            return ()
        if recorded.subject in self._parked:
            self._keep(recorded)
            return ()
        return (recorded,)

    def park(self, commits: Sequence[Recorded], reason: str) -> None:
        """The first of these cannot be folded; the others are of its aggregate and wait behind it."""
        first = commits[0]
        parked = Parked(subject=first.subject, position=first.position, reason=reason)
        self._parked[parked.subject] = parked
        self._rows.begin(NOTICE)
        self._rows.put(PARKED, AGGREGATE, parked.subject, parked)
        for recorded in commits:
            self._keep(recorded)
        self._show(parked, at=envelope_of(first).at, over=False)

    def _decided(self, recorded: Recorded) -> Sequence[Recorded]:
        due: list[Recorded] = []
        for event in _events_of(recorded):
            if not isinstance(event, PoisonRetried | PoisonSkipped):
                continue
            parked = self._parked.pop(subject_of(event.kind, event.aggregate_id), None)
            if parked is None:
                continue
            self._rows.begin(event.__struct_config__.tag)  # type: ignore[arg-type]
            self._rows.remove(PARKED, AGGREGATE, parked.subject)
            self._show(parked, at=envelope_of(recorded).at, over=True)
            skipped = event.position if isinstance(event, PoisonSkipped) else None
            due += [one for one in self._let_go(parked.subject) if one.position != skipped]
        return due

    def _keep(self, recorded: Recorded) -> None:
        waiting = Waiting(message_id=recorded.message_id, body=recorded.body)
        # Twenty digits, so that the order of the text is the order of the log.
        self._rows.add(_topic(recorded.subject), COMMIT, f"{recorded.position:020}", waiting)

    def _let_go(self, subject: str) -> list[Recorded]:
        waited = []
        for id in sorted(self._rows.ids(_topic(subject), COMMIT)):
            waiting = self._rows.get(_topic(subject), COMMIT, id, Waiting)
            assert waiting is not None
            self._rows.remove(_topic(subject), COMMIT, id)
            waited.append(
                Recorded(
                    position=Position(int(id)),
                    subject=subject,
                    message_id=waiting.message_id,
                    body=waiting.body,
                    decode=codec.decode,
                )
            )
        return waited

    def _show(self, parked: Parked, *, at: Timestamp, over: bool) -> None:
        if self._projection.show_trouble is not None:
            trouble = Trouble(
                kind=kind_of(parked.subject),
                aggregate_id=id_of(parked.subject),
                position=parked.position,
                at=at,
                over=over,
            )
            self._projection.show_trouble(self._rows, trouble)


def envelope_of(recorded: Recorded) -> Envelope:
    """When a commit was made, by whom, and for which command, as far as its bytes can be read."""
    try:
        commit = recorded.commit
        return Envelope(commit.at, commit.actor, commit.command)
    except codec.Undecodable:
        pass
    try:
        return msgspec.json.decode(recorded.body, type=Envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Envelope()


def _events_of(recorded: Recorded) -> Sequence[Event]:
    try:
        return recorded.commit.events
    except codec.Undecodable:
        return ()


def _topic(subject: str) -> str:
    return f"{PARKED}/{subject}"
