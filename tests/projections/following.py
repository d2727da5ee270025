"""Read models that follow the log of a workspace by a feed, as in a running node."""

import asyncio
from collections.abc import Sequence

import msgspec

from events.commit import Commit
from events.feed import Feed
from events.memory import MemoryStore
from projectors.read_models import ReadModels
from tests import facts
from tests.facts import commit
from tests.projections.world import keep

WORKSPACE = "workspace/org_1"


def renames(count: int) -> list[Commit]:
    return [
        commit(facts.organization_created()),
        *(commit(facts.organization_updated(name=f"Acme {number}")) for number in range(count)),
    ]


async def store_of(commits: Sequence[Commit]) -> MemoryStore:
    store = MemoryStore()
    await extend(store, commits)
    return store


async def extend(store: MemoryStore, commits: Sequence[Commit]) -> None:
    for one in commits:
        await keep(store, one)


async def follow(models: ReadModels, store: MemoryStore) -> None:
    """Let a feed bring the read models to the head of the log."""
    following = asyncio.create_task(Feed(store, [models]).run())
    try:
        await models.reached(await store.head(), within=10)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def name_of_workspace(models: ReadModels) -> str:
    snapshot = await models.snapshot(WORKSPACE)
    assert snapshot is not None
    name: str = msgspec.json.decode(snapshot.data)["name"]
    return name
