"""Commits into rows: each as a whole or not at all, and what cannot be folded waits."""

import logging
import sqlite3

from events.codec import Undecodable
from events.commit import Recorded, tag_of
from projectors.parking import Parking
from projectors.projection import Projection
from projectors.rows import Rows, Sealed

log = logging.getLogger(__name__)

PASSING = (sqlite3.Error, OSError, MemoryError)
"""Errors that are not the event's fault: the commit will be read again."""

LARGEST_NUMBER = 2**63 - 1


class Folding:
    """What one projection makes of the log. `parking` has what waits."""

    def __init__(self, projection: Projection, rows: Rows) -> None:
        self._projection = projection
        self._rows = rows
        self.parking = Parking(projection, rows)
        self.folded_events = 0
        """Events folded since the start; commits of kinds the projection does not want are not even decoded."""

    def fold(self, recorded: Recorded) -> dict[str, Sealed]:
        """Fold the next commit of the log; gives what it changed, by topic."""
        due = self.parking.due(recorded)
        sealed = self._rows.seal(recorded.position) if self._rows.written else {}
        for at, commit in enumerate(due):
            if commit.subject in self.parking.parked:
                # It went back to wait, behind one that could not be folded after all.
                continue
            error = self.try_to_fold(commit)
            if error is not None:
                waiting = [one for one in due[at:] if one.subject == commit.subject]
                self.parking.park(waiting, reason_of(error))
                self._log_parked(commit, error)
            sealed = _joined(sealed, self._rows.seal(recorded.position))
        return sealed

    def try_to_fold(self, recorded: Recorded) -> Exception | None:
        """Fold one commit without sealing it; None if it could be folded, else the reason, and all it wrote is undone."""
        try:
            self._fold(recorded)
        except PASSING:
            raise
        # One aggregate with a commit that breaks the fold must not stop everybody else's updates.
        except Exception as error:
            self._rows.undo()
            return error
        return None

    def _log_parked(self, recorded: Recorded, error: Exception) -> None:
        log.error(
            "aggregate parked",
            exc_info=error,
            extra={
                "projection": self._projection.name,
                "subject": recorded.subject,
                "position": recorded.position,
            },
        )

    def _fold(self, recorded: Recorded) -> None:
        commit = recorded.commit
        for event in commit.events:
            self._rows.begin(tag_of(event))
            self._projection.project(self._rows, event, commit)
        numbered = self._projection.numbered
        for _, entity, id in self._rows.written if numbered else ():
            # Found here, where one aggregate waits for it, and not where the file is written.
            if entity in numbered and not 0 <= int(id) <= LARGEST_NUMBER:
                raise OverflowError(f"{entity} {id} is no number that can be stored")
        self.folded_events += len(commit.events)


def reason_of(error: Exception) -> str:
    """One sentence for operators."""
    if isinstance(error, Undecodable):
        return f"cannot be decoded: {error}"
    return f"cannot be folded: {error!r}"


def _joined(sealed: dict[str, Sealed], later: dict[str, Sealed]) -> dict[str, Sealed]:
    """What several commits did to each topic, as one change."""
    if not sealed:
        return later
    for topic, one in later.items():
        before = sealed.get(topic)
        if before is None:
            sealed[topic] = one
            continue
        touched = {**before.touched, **one.touched}
        sealed[topic] = Sealed(before.event, touched, before.ended or one.ended)
    return sealed
