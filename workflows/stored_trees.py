"""The lists of files that stand in the log, kept here so that a capture need not read a task's whole history again."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from events.codec import is_readable
from events.commit import Event
from events.ids import BEGINNING, Position, TaskId
from events.store import EventStore, subject_of
from events.task_files import TreeChanged

PATHS = 200_000
"""At most this many paths are kept, some 200 bytes each: those of the tasks captured last, the very last one whole."""


@dataclass
class _Stored:
    position: Position = BEGINNING
    sizes: dict[str, int] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        if isinstance(event, TreeChanged):
            self.sizes.update((file.path, file.size) for file in event.put)
            for path in event.removed:
                self.sizes.pop(path, None)


class StoredTrees:
    """`paths`: at most this many are kept."""

    def __init__(self, store: EventStore, *, paths: int = PATHS) -> None:
        self._store = store
        self._paths = paths
        self._kept: OrderedDict[TaskId, _Stored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    async def of(self, task_id: TaskId) -> Mapping[str, int]:
        """The size of each file in bytes, by its path, as the log has them now. One caller at a time for each task."""
        stored = self._kept.pop(task_id, None) or _Stored()
        for recorded in await self._store.load(subject_of("task", task_id), after=stored.position):
            stored.position = recorded.position
            if is_readable(recorded):
                for event in recorded.commit.events:
                    stored.apply(event)
        self._kept[task_id] = stored
        self._make_room()
        return stored.sizes

    def forget(self, task_id: TaskId) -> None:
        """The task is over and will not be asked about again."""
        self._kept.pop(task_id, None)

    def forget_all(self) -> None:
        """The log lost its end: what was read of it may not be there any more."""
        self._kept.clear()

    def _make_room(self) -> None:
        while len(self._kept) > 1 and self._paths < sum(
            len(stored.sizes) for stored in self._kept.values()
        ):
            self._kept.popitem(last=False)
