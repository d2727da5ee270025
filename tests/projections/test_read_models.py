"""Read models across restarts, long absences, bad events and files that cannot be written."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import aclosing, closing
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
from projectors.views import Change
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
