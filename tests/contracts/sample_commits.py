"""Commits for the contract tests: what is in them does not matter, only which is which."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from events.commit import Commit, Recorded
from events.ids import Position, Timestamp, UserId
from events.jetstream import JetStreamStore
from events.store import EventStore, subject_of
from events.user import UserCreated

ANNA = subject_of("user", "usr_anna")
BERT = subject_of("user", "usr_bert")


def commit(name: str = "Anna") -> Commit:
    return Commit(
        at=Timestamp(1),
        actor="usr_1",
        events=(UserCreated(user_id=UserId("usr_1"), name=name),),
    )


async def fill(store: EventStore, count: int, *, subject: str = ANNA) -> Sequence[Position]:
    """Append commits `m1`, `m2`, … to a new subject."""
    positions = [Position(0)]
    for number in range(1, count + 1):
        positions.append(
            await store.append(
                subject, commit(str(number)), expected=positions[-1], message_id=f"m{number}"
            )
        )
    return positions[1:]


async def take(store: EventStore, after: Position, count: int) -> Sequence[Recorded]:
    """The next commits after a position, as a reader gets them."""
    taken: list[Recorded] = []
    batches = store.read(after)
    assert isinstance(batches, AsyncIterator)
    async with aclosing(batches):
        async for batch in batches:
            taken += batch
            if len(taken) >= count:
                return taken
    raise AssertionError("a reader never ends")


@asynccontextmanager
async def hints_of(store: JetStreamStore) -> AsyncIterator[list[Position]]:
    """Where the commits are that one reader of the hints was told of, in a list that grows."""
    told: list[Position] = []
    reading = asyncio.create_task(read_hints(store, told))
    try:
        yield told
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def read_hints(store: JetStreamStore, told: list[Position]) -> None:
    async with aclosing(store.hints()) as batches:
        async for batch in batches:
            told += [one.position for one in batch]
