"""The rows of one task's view, folded in memory step by step, so that each step can be looked at."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from events.commit import Recorded, tag_of
from events.ids import BEGINNING, TaskId
from projectors.assembly import assemble
from projectors.folding import Folding, reason_of
from projectors.rows import Rows
from projectors.stored_rows import NoRows
from projectors.task_detail import TASK_DETAIL
from projectors.views import Snapshot, snapshot_of
from query_api.pointer import Json, find


class Step(Struct, frozen=True, kw_only=True):
    """What one event changed in the view: `entities`; the event stands in `commit`."""

    event: str
    commit: Recorded
    entities: frozenset[str]


class TaskFold:
    """Commits must come in the order of the log, those of the log's own history among them.

    What cannot be read or folded waits as in the projection, and so the past looks as it was shown.
    """

    def __init__(self, task_id: TaskId) -> None:
        self._topic = f"task/{task_id}"
        self._view = TASK_DETAIL.view_of(self._topic)
        self._rows = Rows(NoRows())
        self._folding = Folding(TASK_DETAIL, self._rows)
        self._version = BEGINNING

    def steps(self, recorded: Recorded) -> Iterator[Step]:
        """Fold the next commit event by event; gives what changed the view."""
        parking = self._folding.parking
        due = parking.due(recorded)
        yield from self._sealed(recorded, recorded)
        for at, commit in enumerate(due):
            if commit.subject in parking.parked:
                continue
            error = self._folding.try_to_fold(commit)
            if error is not None:
                waiting = [one for one in due[at:] if one.subject == commit.subject]
                parking.park(waiting, reason_of(error))
            elif len(commit.commit.events) > 1:
                # As a whole it can be folded: so now again, in steps that can be looked at.
                self._rows.undo()
                for event in commit.commit.events:
                    self._rows.begin(tag_of(event))
                    TASK_DETAIL.project(self._rows, event, commit.commit)
                    yield from self._sealed(commit, recorded)
            yield from self._sealed(commit, recorded)

    def _sealed(self, commit: Recorded, recorded: Recorded) -> Iterator[Step]:
        sealed = self._rows.seal(recorded.position).get(self._topic)
        if sealed is not None:
            self._version = recorded.position
            entities = frozenset(entity for _, entity, _ in sealed.touched)
            yield Step(event=sealed.event, commit=commit, entities=entities)

    def snapshot(self, epoch: str) -> Snapshot | None:
        """The whole view as it is now; None before the task was created."""
        itself = self._elements("self")
        if not itself:
            return None
        elements = [("self", itself[0])] + [
            (entity, element)
            for entity in self._view.lists.values()
            for element in self._elements(entity)
        ]
        data = assemble(self._view, elements)
        return snapshot_of(self._topic, epoch=epoch, version=self._version, data=data)

    def entity(self, path: Sequence[str]) -> str:
        """The entity whose rows a path into the view's data leads to."""
        return self._view.lists.get(path[0], "self")

    def value(self, path: Sequence[str]) -> "Json | UnsetType":
        """What stands at a path now, `UNSET` when there is no such place."""
        entity = self.entity(path)
        if entity == "self":
            itself = self._elements(entity)
            return find(_decode(itself[0]), path) if itself else UNSET
        only = path[1] if len(path) > 1 else None
        elements = [_decode(element) for element in self._elements(entity, only=only)]
        return find(elements, path[1:])

    def _elements(self, entity: str, *, only: str | None = None) -> list[bytes]:
        """The rows of an entity as JSON, in the order of the view."""
        rows = self._rows.pending.get(self._topic, {})
        keys = sorted(key for key in rows if key[1] == entity and only in (None, key[2]))
        return [rows[key].encoded() for key in keys if rows[key].value is not None]


def _decode(element: bytes) -> Json:
    decoded: Json = msgspec.json.decode(element)
    return decoded
