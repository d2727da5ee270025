"""A store that another process can open too: a log in a file, one body a line."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from events import codec
from events.commit import Commit
from events.memory import MemoryStore
from tests.projections.world import keep


def write_log(commits: Iterable[Commit], path: Path) -> None:
    path.write_bytes(b"\n".join(map(codec.encode, commits)))


@asynccontextmanager
async def read_log(path: str) -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    for line in _lines(path):
        await keep(store, codec.decode(line))
    yield store


def _lines(path: str) -> list[bytes]:
    return Path(path).read_bytes().split(b"\n")
