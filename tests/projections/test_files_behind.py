"""Files that are new, left behind or damaged: nothing of them is shown before all of it is true."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from events.feed import Feed
from events.ids import Position
from projectors import serving
from projectors.catalog import PROJECTIONS
from projectors.projection import Projection
from projectors.read_models import open_read_models
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.not_as_root import not_as_root
from tests.projections.following import (
    WORKSPACE,
    extend,
    follow,
    name_of_workspace,
    renames,
    store_of,
)
from tests.projections.world import keep


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.sqlite3")}


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
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await Feed(store, [models]).run()
            with pytest.raises(Unavailable) as early:
                await models.snapshot(WORKSPACE)
            other.execute("ROLLBACK")
        await follow(models, store)

        assert early.value.code == "rebuilding"
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


async def test_a_file_that_may_not_be_written_is_not_opened_to_be_read_only() -> None:
    store = await store_of(renames(2))
    with not_as_root() as folder:
        async with open_read_models(folder, store) as models:
            path = models.serving("workspace").projector.file.path
        path.chmod(0o444)

        with pytest.raises(PermissionError) as refusal:
            async with open_read_models(folder, store):
                pass
        path.chmod(0o644)
        async with open_read_models(folder, store) as models:
            await follow(models, store)

    assert refusal.value.filename == str(path)


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
