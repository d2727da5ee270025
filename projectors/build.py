"""Builds a projection's file from the first commit. `python -m projectors.build` does it in a niced process of its own.

The process gets its order as one JSON line on standard input, where no other process can see it,
prints its progress as JSON lines, and ends when its parent does.
"""

import asyncio
import importlib
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from events.ids import BEGINNING, Position
from events.store import EventStore
from projectors.catalog import PROJECTIONS
from projectors.file import ProjectionFile
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.read_until import read_until
from runtime import logs
from runtime.damage import remove
from runtime.errors import FoundryError, Unavailable

T = TypeVar("T")

FLUSH_ROWS = 20_000
NICE = 10
SILENCE = 90.0
"""Seconds without word from the building process after which it is given up."""


class StoreAddress(Struct, frozen=True, kw_only=True):
    """How a process of its own opens the store: `factory` is `module:function`, which gives an async context manager."""

    factory: str
    arguments: dict[str, Any]

    def open(self) -> AbstractAsyncContextManager[EventStore]:
        module, _, name = self.factory.partition(":")
        factory: Callable[..., AbstractAsyncContextManager[EventStore]] = getattr(
            importlib.import_module(module), name
        )
        return factory(**self.arguments)


class BuildOrder(Struct, frozen=True, kw_only=True):
    projection: str
    epoch: str
    path: str
    until: Position


class BuildProgress(Struct, frozen=True, kw_only=True):
    position: Position
    until: Position


class _Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a building process: how far it is, or at the end why it could not go on."""

    progress: BuildProgress | None = None
    refused: str = ""


class ChildOrder(Struct, frozen=True, kw_only=True):
    build: BuildOrder
    store: StoreAddress


Builder = Callable[[BuildOrder], AsyncGenerator[BuildProgress, None]]


def build_here(store: EventStore) -> Builder:
    """Build in this process, in threads, beside whatever else it does."""

    async def build(order: BuildOrder) -> AsyncGenerator[BuildProgress, None]:
        projection = next(one for one in PROJECTIONS if one.name == order.projection)
        async with aclosing(build_file(store, projection, order)) as steps:
            async for step in steps:
                yield step

    return build


def build_in_child(store: StoreAddress) -> Builder:
    """Build in a process of its own, with lower priority, so that nobody who is served notices."""

    async def build(order: BuildOrder) -> AsyncGenerator[BuildProgress, None]:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "projectors.build",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(msgspec.json.encode(ChildOrder(build=order, store=store)) + b"\n")
            await child.stdin.drain()
            while line := await _before_silence(child.stdout.readline()):
                said = msgspec.json.decode(line, type=_Said)
                if said.progress is None:
                    raise Unavailable(f"{order.projection} cannot be built: {said.refused}")
                yield said.progress
            status = await _before_silence(child.wait())
            if status != 0:
                raise Unavailable(
                    f"The process that builds {order.projection} ended with {status}."
                )
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            child.stdin.close()

    return build


async def _before_silence(word: Awaitable[T]) -> T:
    # asyncio.wait_for of Python 3.11 forgets a cancellation that comes at the same moment as the word.
    async with asyncio.timeout(SILENCE):
        return await word


async def build_file(
    store: EventStore, projection: Projection, order: BuildOrder
) -> AsyncGenerator[BuildProgress, None]:
    """Fold the log up to `order.until` into a new file at `order.path`; tells how far it is."""
    await asyncio.to_thread(remove, Path(order.path))
    file = ProjectionFile(Path(order.path), numbered=projection.numbered)
    projector = Projector(projection, order.epoch, file)
    try:
        async with aclosing(read_until(store, BEGINNING, order.until)) as batches:
            async for batch in batches:
                for commit in batch:
                    projector.fold(commit, logging_changes=False)
                if projector.pending_rows > FLUSH_ROWS:
                    projector.flush(forget_changes=True)
                yield BuildProgress(position=projector.position, until=order.until)
                await asyncio.sleep(0)
        projector.flush(forget_changes=True)
        yield BuildProgress(position=projector.position, until=order.until)
    finally:
        projector.close()


async def _work(order: ChildOrder) -> None:
    async with order.store.open() as store:
        async for progress in build_here(store)(order.build):
            _say(_Said(progress=progress))


def _say(said: _Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _read_order() -> bytes:
    read = b""
    while not read.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            sys.exit("no order was given")
        read += more
    return read


def _end_with_parent() -> None:
    # The parent holds the other end of the pipe as long as it lives, however it dies. Not read
    # through sys.stdin: its lock, held by a waiting thread, makes the interpreter's end a crash.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    os.nice(NICE)
    logs.configure("warning")
    order = msgspec.json.decode(_read_order(), type=ChildOrder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(_work(order))
    except FoundryError as error:
        _say(_Said(refused=error.detail))
    except (OSError, sqlite3.Error) as error:
        _say(_Said(refused=f"{error}."))


if __name__ == "__main__":
    main()
