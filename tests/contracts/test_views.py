"""What every read side promises to those who answer and those who stream: the one in memory, and the rows in SQLite."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from events.ids import Position
from events.memory import MemoryStore
from projectors.build import build_here
from projectors.read_models import open_read_models
from projectors.rebuild import rebuild
from projectors.views import Change, Snapshot, Views
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.gateway.memory_views import MemoryViews, put
from tests.projections.world import Client, World

WORKSPACE = "workspace/org_1"
TRANSCRIPT = "transcript/ses_1"
ENTRIES = 5


class ReadSide(Protocol):
    """A read side on which one organization lives, with one session that said `ENTRIES` things."""

    @property
    def views(self) -> Views: ...

    async def rename(self, name: str) -> Position:
        """A commit that changes the workspace."""

    async def elsewhere(self) -> Position:
        """A commit that does not."""

    async def forget(self) -> None:
        """Prune the changes up to now."""

    async def replace(self) -> None:
        """Serve the workspace from another file, under another epoch."""


class InMemory:
    def __init__(self) -> None:
        lists = ("members", "repositories", "tasks", "pull_requests")
        self.views = MemoryViews(
            {
                WORKSPACE: {"id": "org_1", "name": "Acme"} | {name: [] for name in lists},
                TRANSCRIPT: {
                    "id": "ses_1",
                    "entries": [{"id": str(one), "index": one} for one in range(ENTRIES)],
                },
            }
        )

    async def rename(self, name: str) -> Position:
        return self.views.commit(WORKSPACE, put("self", "org_1", name=name))

    async def elsewhere(self) -> Position:
        return self.views.commit("app/usr_anna", put("self", "usr_anna"))

    async def forget(self) -> None:
        self.views.forget(WORKSPACE)

    async def replace(self) -> None:
        self.views.rebuild("workspace")


class InSqlite:
    def __init__(self, world: World) -> None:
        self.views = world.models
        self._world = world

    async def rename(self, name: str) -> Position:
        await self._world.happen(commit(facts.organization_updated(name=name)))
        return await self._world.store.head()

    async def elsewhere(self) -> Position:
        await self._world.happen(commit(facts.user_created()))
        return await self._world.store.head()

    async def forget(self) -> None:
        self._world.models.serving("workspace").projector.flush(forget_changes=True)

    async def replace(self) -> None:
        # Only a file whose rows are not what the log says is replaced.
        path = self._world.models.serving("workspace").projector.file.path
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(
                "UPDATE rows SET value = CAST(replace(value, 'org_1', 'org_9') AS BLOB)"
                " WHERE topic = ? AND entity = 'self'",
                (WORKSPACE,),
            )
        store = self._world.store
        async for _ in rebuild(self._world.models, store, "workspace", build_here(store)):
            pass


@asynccontextmanager
async def in_sqlite(folder: Path) -> AsyncIterator[ReadSide]:
    store = MemoryStore()
    async with open_read_models(folder, store) as models:
        world = World(models, store, folder)
        await world.happen(
            commit(facts.organization_created()),
            commit(facts.repository_added()),
            commit(facts.task_created(), facts.session_created()),
            commit(facts.entries_appended(*[facts.entry()] * ENTRIES)),
        )
        yield InSqlite(world)


@pytest.fixture(params=["memory", "sqlite"])
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReadSide]:
    async with AsyncExitStack() as parts:
        if request.param == "memory":
            yield InMemory()
        else:
            yield await parts.enter_async_context(in_sqlite(tmp_path))


async def whole(views: Views, topic: str = WORKSPACE) -> tuple[Snapshot, dict[str, Any]]:
    snapshot = await views.snapshot(topic)
    assert snapshot is not None
    data: dict[str, Any] = msgspec.json.decode(snapshot.data)
    return snapshot, data


async def test_a_snapshot_is_the_topic_at_its_version_and_epoch(side: ReadSide) -> None:
    position = await side.rename("New")

    snapshot, data = await whole(side.views)

    assert (snapshot.topic, snapshot.version) == (WORKSPACE, position)
    assert snapshot.epoch == side.views.epoch("workspace")
    assert (data["id"], data["name"]) == ("org_1", "New")
    assert msgspec.json.decode(snapshot.document) == {
        "topic": WORKSPACE,
        "epoch": snapshot.epoch,
        "version": position,
        "data": data,
    }


async def test_what_is_no_topic_has_no_snapshot_and_no_version(side: ReadSide) -> None:
    assert await side.views.snapshot("workspace/org_nobody") is None
    assert await side.views.version("workspace/org_nobody") is None


async def test_only_a_commit_that_changed_the_topic_moves_its_version(side: ReadSide) -> None:
    position = await side.rename("New")

    later = await side.elsewhere()

    assert later > position
    assert await side.views.version(WORKSPACE) == position
    assert side.views.position == later


async def test_changes_lead_from_any_snapshot_to_the_later_one(side: ReadSide) -> None:
    early, data = await whole(side.views)
    client = Client(WORKSPACE, early.version, data)
    for name in ("One", "Two", "Three"):
        await side.elsewhere()
        await side.rename(name)

    changes = await side.views.changes(WORKSPACE, early.version)

    assert changes is not None
    assert len(changes) == 3
    for change in changes:
        client.apply(change)
    late, data = await whole(side.views)
    assert (client.version, client.data) == (late.version, data)
    assert list(await side.views.changes(WORKSPACE, late.version) or ()) == []


async def test_changes_are_none_where_the_log_of_them_does_not_reach(side: ReadSide) -> None:
    first = await side.rename("One")
    second = await side.rename("Two")
    await side.forget()
    third = await side.rename("Three")

    assert await side.views.changes(WORKSPACE, first) is None
    kept = await side.views.changes(WORKSPACE, second)
    assert kept is not None
    assert [(one.base, one.version) for one in kept] == [(second, third)]


async def test_listeners_are_told_every_batch_in_order_once_it_can_be_read(side: ReadSide) -> None:
    told: list[tuple[Sequence[Change], Position, Position]] = []
    end = side.views.listen(
        lambda changes, position: told.append((changes, position, side.views.position))
    )

    first = await side.rename("One")
    await side.elsewhere()
    last = await side.rename("Two")
    end()
    await side.rename("Three")

    positions = [position for _, position, _ in told]
    assert positions == sorted(positions)
    assert all(position == reached for _, position, reached in told)
    ours = [one for changes, _, _ in told for one in changes if one.topic == WORKSPACE]
    assert [one.version for one in ours] == [first, last]
    assert ours[1].base == first
    assert msgspec.json.decode(ours[1].cause)["position"] == last


async def test_whoever_waits_for_a_position_goes_on_there_and_not_before(side: ReadSide) -> None:
    position = await side.rename("One")

    await side.views.reached(position, within=0.01)
    with pytest.raises(Unavailable) as late:
        await side.views.reached(Position(position + 1), within=0.01)

    assert late.value.code == "not_caught_up"


async def test_another_file_is_another_epoch_and_told_to_those_who_listen(side: ReadSide) -> None:
    resets: list[str] = []
    end = side.views.on_reset(resets.append)
    first = await side.rename("One")
    await side.rename("Two")
    before, data = await whole(side.views)

    await side.replace()

    after, again = await whole(side.views)
    assert resets == ["workspace"]
    assert side.views.epoch("workspace") == after.epoch != before.epoch
    assert (after.version, again) == (before.version, data)
    assert await side.views.changes(WORKSPACE, first) is None
    end()
    await side.replace()
    assert resets == ["workspace"]


async def test_a_page_of_a_transcript_is_its_newest_entries_before_an_index(side: ReadSide) -> None:
    indexes = await _page(side.views, before=ENTRIES)
    assert len(indexes) == 2

    assert await _page(side.views, before=indexes[0]) == [one - 2 for one in indexes]
    assert await side.views.page(WORKSPACE, before=1, limit=2) is None


async def _page(views: Views, *, before: int) -> list[int]:
    page = await views.page(TRANSCRIPT, before=before, limit=2)
    assert page is not None
    return [one["index"] for one in msgspec.json.decode(page.data)["entries"]]


@pytest.mark.parametrize("register", [Views.listen, Views.on_reset])
async def test_to_stop_listening_twice_is_once(
    side: ReadSide, register: Callable[..., object]
) -> None:
    told: list[str] = []
    listen = getattr(side.views, register.__name__)
    end = listen(lambda *_: told.append("who left"))
    listen(lambda *_: told.append("who stayed"))

    end()
    end()
    await side.rename("New")
    await side.replace()

    assert set(told) == {"who stayed"}
