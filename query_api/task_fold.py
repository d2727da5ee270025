"""The rows of one task's view, folded in memory step by step, so that each step can be looked at."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from events.codec import Undecodable
from events.commit import Event, Recorded, tag_of
from events.ids import BEGINNING, TaskId
from projectors.assembly import assemble
from projectors.rows import Nothing, Rows
from projectors.task_detail import TASK_DETAIL
from projectors.views import Snapshot
from query_api.pointer import Json, find


class TaskFold:
    """Commits must come in the order of the log."""

    def __init__(self, task_id: TaskId) -> None:
        self._topic = f"task/{task_id}"
        self._view = TASK_DETAIL.view_of(self._topic)
        self._rows = Rows(Nothing())
        self._version = BEGINNING
        self._parked: set[str] = set()

    def steps(self, recorded: Recorded) -> Iterator[tuple[Event, frozenset[str]]]:
        """Fold a commit event by event; each that changed the view comes with the entities it changed."""
        if not is_readable(recorded):
            # As in the projection: what follows in that history may build on what nobody can read.
            self._parked.add(recorded.subject)
        if recorded.subject in self._parked:
            return
        for event in recorded.commit.events:
            self._rows.begin(tag_of(event))
            TASK_DETAIL.project(self._rows, event, recorded.commit)
            sealed = self._rows.seal(recorded.position).get(self._topic)
            if sealed is not None:
                self._version = recorded.position
                yield event, frozenset(entity for (_, entity, _), _ in sealed.touched)

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
        return Snapshot(topic=self._topic, epoch=epoch, version=self._version, data=data)

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


def is_readable(recorded: Recorded) -> bool:
    """Whether this version of the code understands the stored commit."""
    try:
        return bool(recorded.commit)
    except Undecodable:
        return False


def _decode(element: bytes) -> Json:
    decoded: Json = msgspec.json.decode(element)
    return decoded
