"""The read models with a log that a test writes, and a client that folds what it is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from events.commit import Commit
from events.ids import BEGINNING, Position
from events.memory import MemoryStore
from projectors.catalog import PROJECTIONS
from projectors.read_models import ReadModels
from projectors.views import Change
from tests import facts
from tests.facts import commit
from tests.projections.log import recorded, subject_for

Json = dict[str, Any]


class World:
    def __init__(self, models: ReadModels, store: MemoryStore, folder: Path) -> None:
        self.models = models
        self.store = store
        self.folder = folder
        self.told: list[Change] = []
        models.listen(lambda changes, _: self.told.extend(changes))

    async def happen(self, *commits: Commit) -> list[Change]:
        """Store commits and apply each; gives what was told of them."""
        before = len(self.told)
        for one in commits:
            await self.models.apply([recorded(one, await keep(self.store, one))])
        return self.told[before:]

    async def view(self, topic: str) -> Json:
        snapshot = await self.models.snapshot(topic)
        assert snapshot is not None
        data: Json = msgspec.json.decode(snapshot.data)
        return data


async def keep(store: MemoryStore, commit: Commit) -> Position:
    """Append a commit to the history it belongs to."""
    subject = subject_for(commit)
    last = await store.last(subject)
    return await store.append(
        subject,
        commit,
        expected=last.position if last else BEGINNING,
        message_id=f"m{await store.head() + 1}",
    )


async def begin(world: World) -> None:
    """An organization, its repository, and a task that waits to be provisioned."""
    await world.happen(
        commit(facts.organization_created()),
        commit(facts.repository_added(), facts.job_announced(facts.OfRepository())),
        commit(
            facts.task_created(),
            facts.session_created(),
            facts.message_queued(),
            facts.job_announced(),
        ),
    )


async def provision(world: World) -> None:
    await begin(world)
    await world.happen(
        commit(facts.job_opened(), facts.job_started()),
        commit(facts.sandbox_ready(), facts.task_named(), facts.session_ready()),
        commit(facts.task_provisioned()),
        commit(facts.job_succeeded()),
    )


def element(view: Json, entities: str, id: str) -> Json:
    """The element of a list that has an id."""
    found: list[Json] = [one for one in view[entities] if one["id"] == id]
    assert len(found) == 1, f"{id} in {entities}"
    return found[0]


class Client:
    """What the protocol lets a client do with one topic: hold a snapshot, apply changes that fit."""

    def __init__(self, topic: str, version: Position, data: Json) -> None:
        self.version = version
        kind = topic.partition("/")[0]
        self._lists = {
            entity: name
            for projection in PROJECTIONS
            for view_kind, view in projection.views.items()
            if view_kind == kind
            for name, entity in view.lists.items()
        }
        self._itself: Json = {k: v for k, v in data.items() if k not in self._lists.values()}
        self._elements: dict[str, dict[str, Json]] = {
            entity: {one["id"]: one for one in data[name]} for entity, name in self._lists.items()
        }

    def apply(self, change: Change) -> None:
        assert change.base == self.version, f"{change.topic}: a gap"
        assert change.version > self.version
        self.version = change.version
        operations: Sequence[Json] = msgspec.json.decode(change.changes)
        for operation in operations:
            if operation["entity"] == "self":
                self._itself = operation.get("value", {})
            elif operation["op"] == "put":
                self._elements[operation["entity"]][operation["id"]] = operation["value"]
            else:
                self._elements[operation["entity"]].pop(operation["id"], None)

    @property
    def data(self) -> Json:
        return self._itself | {
            name: sorted(self._elements[entity].values(), key=_order)
            for entity, name in self._lists.items()
        }


def _order(element: Json) -> tuple[int, str]:
    return element.get("index", 0), element["id"]
