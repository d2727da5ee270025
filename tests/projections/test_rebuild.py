"""A rebuild beside the served file: unnoticed when the rows are the same, a swap when they are not."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from events.memory import MemoryStore
from projectors.build import (
    Builder,
    BuildOrder,
    BuildProgress,
    StoreAddress,
    build_here,
    build_in_child,
)
from projectors.read_models import open_read_models
from projectors.rebuild import Rebuilt, rebuild, verify
from projectors.views import Change
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.projections.stores import write_log
from tests.projections.world import World

WORKSPACE = "workspace/org_1"
LIFE = (
    commit(facts.organization_created()),
    commit(facts.repository_added()),
    commit(facts.task_created(), facts.session_created()),
    commit(facts.entries_appended(*[facts.entry()] * 300)),
)


@asynccontextmanager
async def lived_in(folder: Path) -> AsyncIterator[World]:
    store = MemoryStore()
    async with open_read_models(folder / "projections", store) as models:
        world = World(models, store, folder)
        await world.happen(*LIFE)
        yield world


def damage(world: World) -> None:
    """What no event ever said: a row changed behind the projection's back."""
    path = world.models.serving("workspace").projector.file.path
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE rows SET value = CAST(replace(value, 'Acme', 'Evil') AS BLOB)"
            " WHERE topic = ? AND entity = 'self'",
            (WORKSPACE,),
        )


async def result(steps: AsyncGenerator[BuildProgress | Rebuilt, None]) -> Rebuilt:
    *progress, last = [step async for step in steps]
    assert isinstance(last, Rebuilt)
    assert progress
    return last


async def test_equal_rows_keep_the_live_file_and_nobody_notices(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        resets: list[str] = []
        world.models.on_reset(resets.append)
        for projection in ("app_shell", "workspace", "task_detail", "transcript"):
            epoch = world.models.epoch(projection)

            rebuilt = await result(
                rebuild(world.models, world.store, projection, build_here(world.store))
            )

            assert rebuilt.live_digest == rebuilt.rebuilt_digest
            assert not rebuilt.swapped
            assert world.models.epoch(projection) == epoch
        assert resets == []
        assert len(list_files(tmp_path)) == 4


async def test_other_rows_are_swapped_in_under_the_next_epoch(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        resets: list[str] = []
        world.models.on_reset(resets.append)
        epoch = world.models.epoch("workspace")
        damage(world)

        rebuilt = await result(
            rebuild(world.models, world.store, "workspace", build_here(world.store))
        )

        assert rebuilt.swapped
        assert resets == ["workspace"]
        assert rebuilt.epoch == world.models.epoch("workspace") == f"{epoch}-1"
        assert (await world.view(WORKSPACE))["name"] == "Acme"
        [change] = await world.happen(commit(facts.member_added()))
        assert (change.topic, change.epoch, change.base) == (WORKSPACE, f"{epoch}-1", 3)
        assert len(list_files(tmp_path)) == 4


async def test_a_swap_is_told_before_anybody_reads_the_new_rows(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        resets: list[str] = []
        world.models.on_reset(resets.append)
        epoch = world.models.epoch("workspace")
        damage(world)

        swapping = asyncio.create_task(
            result(rebuild(world.models, world.store, "workspace", build_here(world.store)))
        )
        while world.models.epoch("workspace") == epoch and not swapping.done():
            await asyncio.sleep(0)

        assert resets == ["workspace"]
        await swapping


async def test_verify_names_the_rows_that_differ_and_changes_nothing(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        epoch = world.models.epoch("workspace")
        damage(world)

        verified = await result(
            verify(world.models, world.store, "workspace", build_here(world.store))
        )

        assert not verified.swapped
        assert world.models.epoch("workspace") == epoch
        [difference] = verified.differences
        assert (difference.topic, difference.entity) == (WORKSPACE, "self")
        assert "Evil" in str(difference.live)
        assert "Acme" in str(difference.rebuilt)


@pytest.mark.parametrize(
    "damaging",
    [
        "UPDATE topics SET version = 1 WHERE topic = ?",
        "UPDATE topics SET version = 'x' WHERE topic = ?",
        "UPDATE topics SET ended = 1 WHERE topic = ?",
        "DELETE FROM topics WHERE topic = ?",
    ],
)
async def test_a_version_that_no_commit_gave_a_topic_is_named_and_mended_too(
    tmp_path: Path, damaging: str
) -> None:
    async with lived_in(tmp_path) as world:
        path = world.models.serving("workspace").projector.file.path
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(damaging, (WORKSPACE,))

        rebuilt = await result(
            rebuild(world.models, world.store, "workspace", build_here(world.store))
        )

        assert rebuilt.swapped
        [difference] = rebuilt.differences
        assert (difference.topic, difference.entity, difference.id) == (WORKSPACE, "", "")
        assert difference.rebuilt == '{"version":3,"ended":0}'
        assert await world.models.version(WORKSPACE) == 3


@pytest.mark.parametrize("value", ["replace(value, 'Acme', 'Evil')", "X'FF'", "7"])
async def test_a_row_that_holds_no_json_is_named_and_mended_too(tmp_path: Path, value: str) -> None:
    async with lived_in(tmp_path) as world:
        path = world.models.serving("workspace").projector.file.path
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(
                f"UPDATE rows SET value = {value} WHERE topic = ? AND entity = 'self'", (WORKSPACE,)
            )

        rebuilt = await result(
            rebuild(world.models, world.store, "workspace", build_here(world.store))
        )

        assert rebuilt.swapped
        assert [(one.topic, one.entity) for one in rebuilt.differences] == [(WORKSPACE, "self")]
        assert (await world.view(WORKSPACE))["name"] == "Acme"


async def test_a_damaged_live_file_is_named_and_taken_away(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        path = world.models.serving("workspace").projector.file.path
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [size] = db.execute("PRAGMA page_size").fetchone()
            [root] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'rows'").fetchone()
        with path.open("r+b") as pages:
            pages.seek((root - 1) * size)
            pages.write(b"\xff" * size)

        with pytest.raises(Unavailable, match="is damaged and was taken away"):
            await result(verify(world.models, world.store, "workspace", build_here(world.store)))

        assert await world.models.taken_away() == [path]


async def test_a_projection_is_built_by_one_at_a_time(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        builder = build_here(world.store)
        first = verify(world.models, world.store, "workspace", builder)
        begun = await anext(first)

        with pytest.raises(Unavailable) as refused:
            await result(rebuild(world.models, world.store, "workspace", builder))
        other = await result(verify(world.models, world.store, "app_shell", builder))
        rest = await result(first)

        assert isinstance(begun, BuildProgress)
        assert refused.value.code == "rebuilding"
        for done in (
            other,
            rest,
            await result(verify(world.models, world.store, "workspace", builder)),
        ):
            assert done.live_digest == done.rebuilt_digest


async def test_what_a_killed_rebuild_left_is_taken_away_by_the_next_start(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        store = world.store
    kept = list_files(tmp_path)
    folder = tmp_path / "projections"
    for left in (
        "workspace-old.sqlite3",
        f"{kept[0].name}.building",
        f"{kept[0].name}.building-wal",
    ):
        (folder / left).write_bytes(b"half")

    async with open_read_models(folder, store):
        assert sorted(list_files(tmp_path)) == sorted(kept)


async def test_what_happens_during_a_rebuild_is_in_both_files(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        damage(world)

        def busy(order: BuildOrder) -> AsyncGenerator[BuildProgress, None]:
            async def steps() -> AsyncGenerator[BuildProgress, None]:
                async for step in build_here(world.store)(order):
                    yield step
                await world.happen(commit(facts.member_added()), commit(facts.task_renamed()))

            return steps()

        rebuilt = await result(rebuild(world.models, world.store, "workspace", busy))

        assert rebuilt.swapped
        assert len(rebuilt.differences) == 1
        assert len((await world.view(WORKSPACE))["members"]) == 2


async def test_what_happens_while_the_rows_are_compared_is_in_the_new_file(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        damage(world)
        late: list[asyncio.Task[list[Change]]] = []

        def built(order: BuildOrder) -> AsyncGenerator[BuildProgress, None]:
            async def steps() -> AsyncGenerator[BuildProgress, None]:
                async for step in build_here(world.store)(order):
                    yield step
                # Begins when the files stand at one position, and their rows are read.
                late.append(asyncio.create_task(world.happen(commit(facts.member_added()))))

            return steps()

        rebuilt = await result(rebuild(world.models, world.store, "workspace", built))

        await asyncio.gather(*late)
        assert rebuilt.swapped
        assert len((await world.view(WORKSPACE))["members"]) == 2


async def test_a_process_of_its_own_builds_the_same_rows(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        log = tmp_path / "log"
        write_log(LIFE, log)
        address = StoreAddress(
            factory="tests.projections.stores:read_log", arguments={"path": str(log)}
        )

        rebuilt = await result(
            rebuild(world.models, world.store, "transcript", build_in_child(address))
        )

        assert rebuilt.live_digest == rebuilt.rebuilt_digest


async def test_a_building_process_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        address = StoreAddress(
            factory="tests.projections.stores:read_log", arguments={"path": "/nowhere"}
        )

        with pytest.raises(Unavailable, match=r"workspace cannot be built: .*/nowhere"):
            await result(rebuild(world.models, world.store, "workspace", build_in_child(address)))

        assert (await world.view(WORKSPACE))["name"] == "Acme"
        assert len(list_files(tmp_path)) == 4


async def test_an_abandoned_rebuild_leaves_no_file_and_no_process_behind(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as world:
        started = asyncio.Event()

        def endless(order: BuildOrder) -> AsyncGenerator[BuildProgress, None]:
            async def steps() -> AsyncGenerator[BuildProgress, None]:
                async for step in build_here(world.store)(order):
                    yield step
                started.set()
                await asyncio.Event().wait()

            return steps()

        build: Builder = endless
        task = asyncio.create_task(result(rebuild(world.models, world.store, "workspace", build)))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])

        assert len(list_files(tmp_path)) == 4


def list_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "projections").iterdir() if ".sqlite3-" not in path.name]
