"""Read models of a log that lost its tail, or became another log: folded anew, under one epoch on all nodes."""

from pathlib import Path

import pytest

from events.ids import Position
from events.log_prefix import LOG_SUBJECT, marks_in
from events.memory import MemoryStore
from projectors.catalog import PROJECTIONS
from projectors.read_models import open_read_models
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.projections.following import WORKSPACE, follow, name_of_workspace, renames, store_of
from tests.projections.world import keep


async def test_a_log_that_lost_its_tail_is_folded_anew_under_another_epoch(tmp_path: Path) -> None:
    store = await store_of(renames(5))
    resets: list[str] = []
    async with open_read_models(tmp_path, store) as models:
        models.on_reset(resets.append)
        await follow(models, store)
        assert await models.check_tail(store) == ()
        epoch = models.epoch("workspace")
        shorter = await store_of(renames(2))

        cut = await models.check_tail(shorter)

        assert sorted(cut) == sorted(one.name for one in PROJECTIONS)
        with pytest.raises(Unavailable) as refusal:
            await models.snapshot(WORKSPACE)
        assert refusal.value.code == "rebuilding"
        assert resets == []
        await follow(models, shorter)
        assert sorted(resets) == sorted(cut)
        assert await name_of_workspace(models) == "Acme 1"
        mark = await mark_of_cut(shorter)
        assert models.epoch("workspace") == f"{epoch}-{mark}"
        await keep(shorter, renames(1)[1])
        await follow(models, shorter)
        assert await name_of_workspace(models) == "Acme 0"
        assert await models.check_tail(shorter) == ()

    async with open_read_models(tmp_path, shorter) as models:
        assert models.epoch("workspace") == f"{epoch}-{mark}"
        assert await name_of_workspace(models) == "Acme 0"


async def test_all_files_of_a_cut_log_doubt_together(tmp_path: Path) -> None:
    class Cluster(MemoryStore):
        asked = 0

        @property
        def doubt_seconds(self) -> float:
            self.asked += 1
            return 0.01

    async with open_read_models(tmp_path, store := await store_of(renames(5))) as models:
        await follow(models, store)
        at_work, at_the_start = Cluster(), Cluster()
        for shorter in (at_work, at_the_start):
            for one in renames(2):
                await keep(shorter, one)

        assert len(await models.check_tail(at_work)) == len(PROJECTIONS)
        assert at_work.asked == 1

        await follow(models, store)
    async with open_read_models(tmp_path, at_the_start):
        assert at_the_start.asked == 1
    assert await at_the_start.load(LOG_SUBJECT)


async def test_all_nodes_have_one_epoch_after_a_cut_whatever_they_saw_of_it(tmp_path: Path) -> None:
    store = await store_of(renames(5))
    folders = [tmp_path / name for name in ("saw it", "saw it too", "was behind", "was not there")]
    for folder in folders[:2]:
        async with open_read_models(folder, store) as models:
            await follow(models, store)
    shorter = await store_of(renames(2))
    async with open_read_models(folders[2], shorter) as models:
        await follow(models, shorter)
        resets: list[str] = []
        models.on_reset(resets.append)
        before = models.epoch("workspace")

        epochs = []
        for folder in folders[:2]:
            async with open_read_models(folder, shorter) as other:
                await follow(other, shorter)
                epochs.append(other.epoch("workspace"))
        await follow(models, shorter)
        epochs.append(models.epoch("workspace"))

        # Its rows are right as they are; only what was told under the old name is not to be trusted.
        assert sorted(resets) == sorted(one.name for one in PROJECTIONS)
        assert await models.version(WORKSPACE) == 3
    async with open_read_models(folders[3], shorter) as models:
        await follow(models, shorter)
        epochs.append(models.epoch("workspace"))

    assert epochs == [f"{before}-{await mark_of_cut(shorter)}"] * 4
    assert await shorter.head() == 4


async def test_a_second_cut_that_takes_the_note_of_the_first_is_another_one(tmp_path: Path) -> None:
    store = await store_of(renames(5))
    epochs = []
    for lost in (4, 3):
        async with open_read_models(tmp_path, store) as models:
            await follow(models, store)
            epochs.append(models.epoch("workspace"))
        store = await store_of(renames(lost - 1))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        epochs.append(models.epoch("workspace"))

    assert len(set(epochs)) == 3


async def test_another_log_is_noticed_at_the_start_also_when_it_is_longer(tmp_path: Path) -> None:
    store = await store_of(renames(2))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
    other = await store_of([commit(facts.user_created()), *renames(5)])

    async with open_read_models(tmp_path, other) as models:
        await follow(models, other)
        assert models.epoch("workspace").endswith(await mark_of_cut(other))
        assert await name_of_workspace(models) == "Acme 4"


async def test_an_empty_log_after_a_cut_is_served_once_the_cut_is_noted(tmp_path: Path) -> None:
    store = await store_of(renames(2))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        empty = MemoryStore()

        await models.check_tail(empty)
        await follow(models, empty)

        assert await models.snapshot(WORKSPACE) is None
        assert models.position == 1


async def test_a_store_that_falls_silent_in_the_midst_of_a_cut_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await store_of(renames(2))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        empty = MemoryStore()

        async def silent() -> Position:
            raise Unavailable("The event store does not answer.")

        with monkeypatch.context() as without_leader:
            without_leader.setattr(empty, "head", silent)
            with pytest.raises(Unavailable):
                await models.check_tail(empty)
        one = models.serving("workspace")
        assert not one.live
        assert one.projector.file.version(WORKSPACE)
        await models.check_tail(empty)
        await follow(models, empty)

        assert await models.snapshot(WORKSPACE) is None


async def test_deleting_the_newest_commit_is_not_taken_for_a_cut(tmp_path: Path) -> None:
    store = await store_of(renames(2))
    async with open_read_models(tmp_path, store) as models:
        await follow(models, store)
        epoch = models.epoch("workspace")

        store.delete(await store.head())

        assert await models.check_tail(store) == ()
        assert models.epoch("workspace") == epoch


async def mark_of_cut(store: MemoryStore) -> str:
    """The mark of the one cut that a log tells of."""
    [noted] = await store.load(LOG_SUBJECT)
    [mark] = marks_in(noted)
    return mark
