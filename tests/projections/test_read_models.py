"""Read models across restarts, long absences, bad events and files that cannot be written."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from events.commit import Commit, Recorded
from events.ids import Position, SessionId
from events.memory import MemoryStore
from projectors import serving
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.read_models import open_read_models
from projectors.snapshot_cache import SnapshotCache
from projectors.views import Change, Snapshot, snapshot_of
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.projections.following import (
    WORKSPACE,
    extend,
    follow,
    name_of_workspace,
    renames,
    store_of,
)
from tests.projections.log import recorded
from tests.projections.world import World, keep


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.sqlite3")}


async def test_on_a_full_disk_everything_is_closed_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await store_of(renames(3))

    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        await extend(store, [commit(facts.organization_updated(name="Later"))])
        await follow(models, store)
        for one in PROJECTIONS:
            models.serving(one.name).projector.file._db.execute("PRAGMA query_only = 1")

    assert "the checkpoint is not stored" in caplog.text
    async with open_read_models(tmp_path, store) as again:
        await follow(again, store)
        assert again.position == await store.head()


async def test_of_a_file_that_cannot_be_opened_wholly_no_thread_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, before = aiosqlite.connect, threading.active_count()
    opened = []

    def refused_at_last(*args: Any, **options: Any) -> aiosqlite.Connection:
        opened.append(args)
        # As when the process may open no more files: the folder of the second is not there.
        return connect("file:/nowhere/x?mode=ro" if len(opened) > 1 else args[0], **options)

    monkeypatch.setattr(aiosqlite, "connect", refused_at_last)

    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        async with open_read_models(tmp_path, MemoryStore()):
            pass

    async with asyncio.timeout(20):
        while threading.active_count() > before:
            await asyncio.sleep(0.01)


async def test_a_snapshot_is_read_once_and_again_after_a_change(world: World) -> None:
    await world.happen(*renames(1))
    first = await world.models.snapshot(WORKSPACE)

    assert await world.models.snapshot(WORKSPACE) is first
    await world.happen(commit(facts.organization_updated(name="Other")))

    assert await name_of_workspace(world.models) == "Other"


async def test_all_who_ask_at_once_share_one_read(world: World) -> None:
    await world.happen(*renames(1))
    asking = [asyncio.create_task(world.models.snapshot(WORKSPACE)) for _ in range(5)]
    await asyncio.sleep(0)
    asking.pop(0).cancel()

    first, *others = await asyncio.gather(*asking)

    assert first is not None
    assert all(one is first for one in others)


@pytest.mark.parametrize(
    "change", [lambda cache: cache.outdate([WORKSPACE]), SnapshotCache.clear], ids=["one", "all"]
)
async def test_who_asks_after_a_change_shares_no_read_from_before_it(
    change: Callable[[SnapshotCache], None],
) -> None:
    cache = SnapshotCache()
    old, new = [
        snapshot_of(WORKSPACE, epoch="e", version=Position(version), data=b"{}")
        for version in (1, 2)
    ]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def read_old(topic: str) -> Snapshot | None:
        begun.set()
        await go_on.wait()
        return old

    async def read_new(topic: str) -> Snapshot | None:
        return new

    before = asyncio.create_task(cache.get(WORKSPACE, read_old))
    await begun.wait()
    change(cache)

    async with asyncio.timeout(5):
        after = await cache.get(WORKSPACE, read_new)
    go_on.set()

    assert (await before, after) == (old, new)
    assert cache.kept(WORKSPACE) is new


async def test_a_read_that_fails_fails_for_all_who_share_it_and_is_not_kept() -> None:
    cache = SnapshotCache()
    read = snapshot_of(WORKSPACE, epoch="e", version=Position(1), data=b"{}")
    answers: list[Unavailable | Snapshot] = [Unavailable("Busy."), read]

    async def answer(topic: str) -> Snapshot | None:
        await asyncio.sleep(0)
        one = answers.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    asking = [cache.get(WORKSPACE, answer) for _ in range(2)]

    assert all(
        isinstance(one, Unavailable)
        for one in await asyncio.gather(*asking, return_exceptions=True)
    )
    assert await cache.get(WORKSPACE, answer) is read


async def test_a_position_can_be_waited_for(world: World) -> None:
    waiting = asyncio.create_task(world.models.reached(Position(2), within=5))
    await world.happen(*renames(1))
    await waiting

    with pytest.raises(Unavailable, match="has not reached 3") as refusal:
        await world.models.reached(Position(3), within=0.01)
    assert refusal.value.code == "not_caught_up"


async def test_every_batch_is_told_once_in_order_with_the_position_reached(
    tmp_path: Path, memory_store: MemoryStore
) -> None:
    told: list[tuple[list[Position], Position]] = []

    def listener(changes: Sequence[Change], position: Position) -> None:
        told.append(([change.version for change in changes], position))

    async with open_read_models(tmp_path, memory_store) as models:
        stop = models.listen(listener)
        log = [recorded(one, place) for place, one in enumerate(renames(2), 1)]
        await models.apply(log)
        await models.apply(log)
        stop()
        await models.apply([recorded(renames(1)[1], 4)])

    assert told == [([1, 2, 3], 3)]


async def test_a_restart_goes_on_where_it_was_and_still_knows_what_changed(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    async with open_read_models(tmp_path, store) as models:
        await extend(store, renames(3))
        await follow(models, store)
        epochs = [models.epoch(projection.name) for projection in PROJECTIONS]
    await keep(store, renames(1)[1])

    async with open_read_models(tmp_path, store) as models:
        assert [models.epoch(projection.name) for projection in PROJECTIONS] == epochs
        assert await name_of_workspace(models) == "Acme 2"
        await follow(models, store)

        assert await name_of_workspace(models) == "Acme 0"
        changes = await models.changes(WORKSPACE, Position(2))
        assert changes is not None
        assert [(change.base, change.version) for change in changes] == [(2, 3), (3, 4), (4, 5)]


async def test_a_new_file_is_not_shown_before_it_has_reached_the_tail(tmp_path: Path) -> None:
    store = await store_of(renames(serving.FEW_COMMITS + 10))

    async with open_read_models(tmp_path, store) as models:
        with pytest.raises(Unavailable) as refusal:
            await models.snapshot(WORKSPACE)
        assert refusal.value.code == "rebuilding"
        assert not any(one.complete for one in models.progress())
        await follow(models, store)

        assert all(one.complete for one in models.progress())
        assert await name_of_workspace(models) == f"Acme {serving.FEW_COMMITS + 9}"
        version = await models.version(WORKSPACE)
        assert version == serving.FEW_COMMITS + 11
        # What was caught up is not known change by change: whoever held something older reads anew.
        assert await models.changes(WORKSPACE, Position(5)) is None
        assert await models.changes(WORKSPACE, version) == ()


async def test_a_file_that_was_left_behind_is_not_shown_before_its_last_rows_are_written(
    tmp_path: Path,
) -> None:
    store = await store_of(renames(3))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
    for one in renames(serving.FEW_COMMITS + 10)[1:]:
        await keep(store, one)
    tail = await store.head()

    async with open_read_models(tmp_path, store) as models:
        projector = models.serving("workspace").projector
        with closing(sqlite3.connect(projector.file.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            following = asyncio.create_task(follow(models, store))
            while projector.position < tail:
                await asyncio.sleep(0)
            [early] = await asyncio.gather(models.snapshot(WORKSPACE), return_exceptions=True)
            other.execute("ROLLBACK")
        await following

        assert isinstance(early, Unavailable)
        assert early.code == "rebuilding"
        assert await models.version(WORKSPACE) == tail


async def test_a_file_that_was_left_behind_forgets_the_changes_from_before(tmp_path: Path) -> None:
    store = await store_of(renames(3))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
    for one in renames(serving.FEW_COMMITS + 10)[1:]:
        await keep(store, one)

    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        await keep(store, commit(facts.organization_updated(name="Newest")))
        await follow(models, store)

        head = await store.head()
        assert await models.changes(WORKSPACE, Position(3)) is None
        changes = await models.changes(WORKSPACE, Position(head - 1))
        assert changes is not None
        assert [change.base for change in changes] == [head - 1]


async def test_other_code_builds_a_new_file_and_the_old_one_goes(tmp_path: Path) -> None:
    store = await store_of(renames(3))
    old = [
        Projection(one.name, one.kinds, one.views, one.project, "projectors.jobs")
        for one in PROJECTIONS
    ]
    async with open_read_models(tmp_path, store, projections=old) as models:
        await follow(models, store)
    before = files(tmp_path)

    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        assert await name_of_workspace(models) == "Acme 2"

    after = files(tmp_path)
    assert len(before) == len(after) == 4
    assert not before & after


async def test_an_event_that_cannot_be_decoded_parks_its_aggregate_only(world: World) -> None:
    await world.happen(
        commit(facts.organization_created()), commit(facts.task_created(), facts.session_created())
    )
    broken = recorded(commit(facts.task_renamed()), 3)
    broken.body = b'{"at":1,"actor":"x","events":[{"type":"never_heard_of"}]}'
    await world.models.apply([broken])
    await world.models.apply(
        [
            recorded(commit(facts.task_renamed(title="Later")), 4),
            recorded(commit(facts.organization_updated(name="Others")), 5),
        ]
    )

    assert world.models.position == 5
    assert (await world.view("task/task_1"))["title"] == "Fix login"
    assert await name_of_workspace(world.models) == "Others"
    [parked] = world.models.parked()["task_detail"]
    assert (parked.subject, parked.position) == ("evt.task.task_1", 3)
    assert "cannot be decoded" in parked.reason


async def test_a_commit_that_cannot_be_folded_leaves_no_half_of_it_behind(tmp_path: Path) -> None:
    def breaks(rows: object, event: object, commit: Commit) -> None:
        PROJECTIONS[1].project(rows, event, commit)  # type: ignore[arg-type]
        if getattr(event, "name", "") == "Bad":
            raise ValueError("a mistake in the projection")

    whole = PROJECTIONS[1]
    broken = Projection(whole.name, whole.kinds, whole.views, breaks, whole.module)
    store = MemoryStore()
    async with open_read_models(tmp_path, store, projections=[broken]) as models:
        world = World(models, store, tmp_path)
        await world.happen(commit(facts.organization_created()))
        told = await world.happen(
            commit(facts.member_added(), facts.organization_updated(name="Bad"))
        )

        assert told == []
        assert len((await world.view(WORKSPACE))["members"]) == 1

    async with open_read_models(tmp_path, store, projections=[broken]) as models:
        [parked] = models.parked()["workspace"]
        assert parked.subject == "evt.organization.org_1"


@pytest.mark.parametrize("sound", [0, 4096])
async def test_a_damaged_file_is_built_anew(tmp_path: Path, sound: int) -> None:
    store = await store_of(renames(2))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        path = models.serving("workspace").projector.file.path
    content = path.read_bytes()
    path.write_bytes(content[:sound] + b"\xff" * (len(content) - sound))
    await extend(store, renames(1))

    with suppress(sqlite3.DatabaseError):
        async with open_read_models(tmp_path, store) as models:
            await follow(models, store)
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        snapshot = await models.snapshot(WORKSPACE)

    assert snapshot is not None
    assert snapshot.version == await store.head()


async def test_a_client_that_missed_very_much_reads_the_view_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projectors.reader.MOST_CHANGES", 3)
    store = MemoryStore()
    async with open_read_models(tmp_path, store) as models:
        await extend(store, renames(10))
        await follow(models, store)

        assert await models.changes(WORKSPACE, Position(2)) is None
        changes = await models.changes(WORKSPACE, Position(8))
        assert changes is not None
        assert [change.version for change in changes] == [9, 10, 11]


async def test_a_follower_that_is_cancelled_in_a_catch_up_leaves_whole_files(
    tmp_path: Path,
) -> None:
    store = await store_of(renames(serving.FEW_COMMITS + 2000))
    async with open_read_models(tmp_path, store) as models:
        reading = store.read(Position(0))
        async with aclosing(reading) as batches:
            batch: Sequence[Recorded] = await anext(batches)
        applying = asyncio.create_task(models.apply(batch))
        await asyncio.sleep(0)
        applying.cancel()
        await asyncio.wait([applying])
        await follow(models, store)

        assert await name_of_workspace(models) == f"Acme {serving.FEW_COMMITS + 1999}"


async def test_a_file_that_could_not_be_written_delays_what_is_told_and_loses_nothing(
    world: World,
) -> None:
    await world.happen(
        commit(facts.organization_created()), commit(facts.task_created(), facts.session_created())
    )
    last = world.models.serving("transcript").projector.file.path
    with closing(sqlite3.connect(last)) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON checkpoint"
            " BEGIN SELECT RAISE (ABORT, 'no space left'); END"
        )
    both = commit(facts.task_renamed(), facts.session_created(session=SessionId("ses_2")))
    before = len(world.told)

    with pytest.raises(sqlite3.IntegrityError, match="no space left"):
        await world.happen(both)
    assert len(world.told) == before
    assert world.models.position == 2
    with closing(sqlite3.connect(last)) as db:
        db.execute("DROP TRIGGER full")
    await world.models.apply([recorded(both, 3)])

    assert [change.topic for change in world.told[before:]] == [
        WORKSPACE,
        "task/task_1",
        "transcript/ses_2",
    ]
    assert world.models.position == 3
