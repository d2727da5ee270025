"""A snapshot is read once for all who ask for it, and never from before a change they know of."""

import asyncio
from collections.abc import Callable

import pytest

from events.ids import Position
from projectors.snapshot_cache import SnapshotCache
from projectors.views import Snapshot, snapshot_of
from runtime.errors import Unavailable
from tests import facts
from tests.facts import commit
from tests.projections.following import (
    WORKSPACE,
    name_of_workspace,
    renames,
)
from tests.projections.world import World


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
