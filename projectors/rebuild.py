"""Rebuilds a projection beside the one that is served: equal rows change nothing, others replace the live file."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct

from events.store import EventStore
from projectors.build import Builder, BuildOrder, BuildProgress
from projectors.comparison import Difference, FrozenFile, differences
from projectors.file import ProjectionFile
from projectors.file_names import building_path, path_of, repaired
from projectors.projector import Projector
from projectors.read_models import ReadModels
from projectors.read_until import read_until
from projectors.serving import Serving, serve
from runtime.damage import is_damaged, remove, taken_away_if_damaged
from runtime.errors import Unavailable


class Rebuilt(Struct, frozen=True, kw_only=True):
    """How a rebuild ended. `swapped`: the rows differed and the new ones are served, under `epoch`."""

    projection: str
    epoch: str
    live_digest: str
    rebuilt_digest: str
    differences: Sequence[Difference]
    swapped: bool


async def verify(
    models: ReadModels, store: EventStore, projection: str, build: Builder
) -> AsyncGenerator[BuildProgress | Rebuilt, None]:
    """Build the projection anew and compare; the live file stays what it is. The last item is the result."""
    async with aclosing(_rebuilding(models, store, projection, build, swap=False)) as steps:
        async for step in steps:
            yield step


async def rebuild(
    models: ReadModels, store: EventStore, projection: str, build: Builder
) -> AsyncGenerator[BuildProgress | Rebuilt, None]:
    """Like `verify`, and a new file whose rows differ takes the place of the live one."""
    async with aclosing(_rebuilding(models, store, projection, build, swap=True)) as steps:
        async for step in steps:
            yield step


async def _rebuilding(
    models: ReadModels, store: EventStore, projection: str, build: Builder, *, swap: bool
) -> AsyncGenerator[BuildProgress | Rebuilt, None]:
    serving = models.serving(projection)
    # Both would build in one file. No other process is at it: one has the data folder.
    if not serving.live or projection in models.being_rebuilt:
        raise Unavailable(f"{projection} is being built already.", code="rebuilding")
    epoch = repaired(serving.projector.file_epoch)
    path = building_path(serving.folder, projection, epoch)
    order = BuildOrder(
        projection=projection, epoch=epoch, path=str(path), until=serving.projector.position
    )
    models.being_rebuilt.add(projection)
    try:
        async with aclosing(build(order)) as steps:
            async for step in steps:
                yield step
        yield await _compare_and_swap(models, store, serving, epoch, path, swap=swap)
    finally:
        await asyncio.to_thread(remove, path)
        models.being_rebuilt.discard(projection)


async def _compare_and_swap(
    models: ReadModels, store: EventStore, live: Serving, epoch: str, path: Path, *, swap: bool
) -> Rebuilt:
    file = ProjectionFile(path, numbered=live.projection.numbered)
    rebuilt = Projector(live.projection, epoch, file)
    try:
        # With the turn held the live file stands still, so that both can be had at one position.
        async with models.turn:
            await _bring_level(rebuilt, live, models, store)
            before, after = FrozenFile(live.projector.file.path), FrozenFile(path)
        try:
            live_digest = await _digest(before, live)
            rebuilt_digest = await asyncio.to_thread(after.digest)
            found = (
                await asyncio.to_thread(differences, before, after)
                if live_digest != rebuilt_digest
                else []
            )
        finally:
            before.close()
            after.close()
        if found and swap:
            async with models.turn:
                await _bring_level(rebuilt, live, models, store)
                rebuilt.flush(completes=True)
                rebuilt.close()
                await _swap(models, live, epoch, path)
    finally:
        rebuilt.close()
    return Rebuilt(
        projection=live.name,
        epoch=models.epoch(live.name),
        live_digest=live_digest,
        rebuilt_digest=rebuilt_digest,
        differences=found,
        swapped=bool(found) and swap,
    )


async def _digest(file: FrozenFile, live: Serving) -> str:
    path = live.projector.file.path
    try:
        with taken_away_if_damaged(path):
            return await asyncio.to_thread(file.digest)
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        raise Unavailable(
            f"{path} is damaged and was taken away; the next start builds it anew from the log."
        ) from None


async def _bring_level(
    rebuilt: Projector, live: Serving, models: ReadModels, store: EventStore
) -> None:
    if models.serving(live.name) is not live:
        raise Unavailable("The projection was replaced meanwhile; try again.")
    async with aclosing(read_until(store, rebuilt.position, live.projector.position)) as batches:
        async for batch in batches:
            for commit in batch:
                rebuilt.fold(commit, logging_changes=False)
            rebuilt.flush(forget_changes=True)


async def _swap(models: ReadModels, live: Serving, epoch: str, path: Path) -> None:
    final = path_of(live.folder, live.name, epoch)
    await asyncio.to_thread(remove, final)
    # Closing the last connection has put everything into the one file.
    await asyncio.to_thread(os.replace, path, final)
    fresh = await serve(live.projection, live.folder, epoch)
    fresh.aim(live.projector.position)
    await models.replace(fresh)
    await asyncio.to_thread(remove, live.projector.file.path)
