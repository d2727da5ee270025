"""The states decisions are made from, cached and kept fresh by the log's tail; and the append of what was decided.

What is kept may be behind: only an append (by its expected position) or `confirmed` proves a state.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import TypeVar, cast

from commands.decider import Kind
from commands.heads import Heads
from commands.loaded import Loaded
from commands.loading import Loader, advanced
from commands.log import LOG, Log
from commands.state_file import StateFile
from events import codec
from events.commit import Commit, Recorded
from events.ids import BEGINNING, Position
from events.log import LOG_ID, LOG_KIND
from events.store import EventStore, subject_of
from runtime.errors import Unavailable
from runtime.keyed_locks import KeyedLocks

S = TypeVar("S")

LEADER_CATCHES_UP = (0.02, 0.1, 0.4, 1.0)
"""Seconds between looks at a head that is older than what this process knows."""

CAPACITY = 4_000
KEYS_CAPACITY = 200_000
"""Command keys that all kept states may hold together, some 200 bytes each: a state's size is mostly its number of commits."""


@dataclass
class _Entry:
    kind: Kind[object]
    loaded: Loaded[object]
    weight: int


class Aggregates:
    """A bounded cache of folded aggregates, and a `events.feed.Follower` that keeps them fresh."""

    def __init__(
        self,
        store: EventStore,
        *,
        states: StateFile | None = None,
        capacity: int = CAPACITY,
        keys_capacity: int = KEYS_CAPACITY,
    ) -> None:
        self._store = store
        self._loader = Loader(store, states, self._log)
        self._heads = Heads(store)
        self._capacity = capacity
        self._keys_capacity = keys_capacity
        self._keys_kept = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._loading = KeyedLocks()
        self._asked = count()
        self._failures: dict[str, tuple[int, Unavailable]] = {}
        """Why a load failed, and how many had asked by then, until all of those were told."""
        self._deciding = KeyedLocks()
        self._expected: dict[str, list[asyncio.Future[None]]] = {}
        self._seen: dict[str, Position] = {}
        self._generation = 0
        self.checkpoint = BEGINNING

    async def start(self) -> None:
        """Begin at the log's present end. What was loaded before may have missed commits, so it is forgotten."""
        self.checkpoint = await self._store.head()
        self.forget_all()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Move kept states on by the commits of the tail; what is at or below a state's position is in it already."""
        for recorded in batch:
            if recorded.position <= self.checkpoint:
                continue
            self.checkpoint = recorded.position
            subject = recorded.subject
            if recorded.kind == LOG_KIND:
                # A cut, or a decision about what can be read: either may change what was folded.
                self.forget_all()
            # A load that is under way may have read the subject before this commit was there.
            if subject in self._loading:
                self._seen[subject] = recorded.position
            entry = self._entries.get(subject)
            if entry is not None and recorded.position > entry.loaded.position:
                self._advance(subject, entry, recorded)
            for waiter in self._expected.pop(subject, ()):
                if not waiter.done():
                    waiter.set_result(None)

    async def load(self, kind: Kind[S], aggregate_id: str) -> Loaded[S]:
        """The state as far as this process knows it; read from the store when it is not kept."""
        subject = subject_of(kind.name, aggregate_id)
        loaded = self._kept(kind, subject)
        return loaded if loaded is not None else await self._load(kind, subject)

    async def confirmed(self, kind: Kind[S], aggregate_id: str) -> Loaded[S]:
        """The state at the head its history has in the store at this moment."""
        subject = subject_of(kind.name, aggregate_id)
        if self._kept(kind, subject) is None:
            is_under_way = subject in self._loading
            found = await self._load(kind, subject)
            if not is_under_way:
                return found
            # The load that was under way may have looked before this was asked.
        last = await self._heads.last(subject)
        loaded = self._kept(kind, subject)
        for pause in LEADER_CATCHES_UP:
            if loaded is None or (last is not None and last.position >= loaded.position):
                break
            # Older than what is known here: a new leader that is behind for a moment, or a log that was cut.
            await asyncio.sleep(pause)
            last = await self._heads.last(subject)
            loaded = self._kept(kind, subject)
        if last is None or loaded is None or last.position < loaded.position:
            self._drop(subject)
            return await self._load(kind, subject)
        if last.position > loaded.position:
            return await self._catch_up(kind, subject, loaded)
        return loaded

    async def opened(self, kind: Kind[S], aggregate_id: str, *, within: float = 5.0) -> Loaded[S]:
        """The state of an aggregate that was announced elsewhere, once its own history has begun.

        Raises `Unavailable` after `within` seconds.
        """
        subject = subject_of(kind.name, aggregate_id)
        waiter = asyncio.get_running_loop().create_future()
        self._expected.setdefault(subject, []).append(waiter)
        try:
            loaded = await self.confirmed(kind, aggregate_id)
            if loaded.position == BEGINNING:
                async with asyncio.timeout(within):
                    await waiter
                loaded = await self.confirmed(kind, aggregate_id)
            return loaded
        except TimeoutError:
            raise Unavailable(
                f"{aggregate_id} was announced, and no worker has opened it yet; try again.",
                code="not_caught_up",
            ) from None
        finally:
            waiting = self._expected.get(subject, [])
            if waiter in waiting:
                waiting.remove(waiter)
            if not waiting:
                self._expected.pop(subject, None)

    async def append(
        self,
        kind: Kind[S],
        subject: str,
        before: Loaded[S],
        commit: Commit,
        *,
        body: bytes,
        message_id: str,
    ) -> Recorded:
        """Store a commit that was decided on `before`, and keep the state after it. `body` is the encoded commit.

        Raises what `EventStore.append` raises.
        """
        stored = False
        try:
            position = await self._store.append(
                subject, commit, expected=before.position, message_id=message_id
            )
            stored = True
        finally:
            # Also after a cancellation: then nobody here knows what the history holds now.
            if not stored:
                self._drop(subject)
        recorded = Recorded(
            position=position,
            subject=subject,
            message_id=message_id,
            body=body,
            decode=codec.decode,
            decoded=commit,
        )
        entry = self._entries.get(subject)
        if entry is None or entry.loaded.position < position:
            self._keep(kind, subject, advanced(kind, before, recorded))
        return recorded

    def lock(self, kind: Kind[S], aggregate_id: str) -> AbstractAsyncContextManager[None]:
        """Held while one decision is made and appended, so that one process does not race with itself."""
        return self._deciding.of(subject_of(kind.name, aggregate_id))

    def forget_all(self) -> None:
        """After a reconnect the log may be another one: nothing kept is trusted, nor what is being loaded."""
        self._entries.clear()
        self._keys_kept = 0
        self._generation += 1

    # --- Loading ---

    async def _load(self, kind: Kind[S], subject: str) -> Loaded[S]:
        number = next(self._asked)
        try:
            async with self._loading.of(subject):
                loaded = self._kept(kind, subject)
                if loaded is not None:
                    return loaded
                # Each would wait as long for a store that is away, one after the other. Who came since asks anew.
                asked, failure = self._failures.get(subject, (0, None))
                if failure is not None and number < asked:
                    raise Unavailable(failure.detail, code=failure.code)
                return await self._read(kind, subject)
        finally:
            if subject not in self._loading:
                self._failures.pop(subject, None)

    async def _read(self, kind: Kind[S], subject: str) -> Loaded[S]:
        generation = self._generation
        self._seen.pop(subject, None)
        try:
            loaded = await self._loader.read(kind, subject)
            seen = self._seen.get(subject, BEGINNING)
            if loaded.position < seen:
                loaded = await self._loader.read(kind, subject)
        except Unavailable as failure:
            self._failures[subject] = next(self._asked), failure
            raise
        finally:
            self._seen.pop(subject, None)
        # Nothing was: keeping that would let anybody fill the cache with names.
        if loaded.position != BEGINNING and generation == self._generation:
            self._keep(kind, subject, loaded)
        return loaded

    async def _log(self) -> Log:
        return (await self.confirmed(LOG, LOG_ID)).state

    async def _catch_up(self, kind: Kind[S], subject: str, behind: Loaded[S]) -> Loaded[S]:
        newer = await self._store.load(subject, after=behind.position)
        loaded = self._kept(kind, subject)
        if loaded is None:
            return await self._load(kind, subject)
        try:
            for recorded in newer:
                if recorded.position > loaded.position:
                    loaded = advanced(kind, loaded, recorded)
        except codec.Undecodable:
            self._drop(subject)
            return await self._load(kind, subject)
        self._keep(kind, subject, loaded)
        return loaded

    # --- Keeping ---

    def _kept(self, kind: Kind[S], subject: str) -> Loaded[S] | None:
        entry = self._entries.get(subject)
        if entry is None:
            return None
        self._entries.move_to_end(subject)
        # A subject names its kind, so its entry holds states of that kind.
        return cast("Loaded[S]", entry.loaded)

    def _keep(self, kind: Kind[S], subject: str, loaded: Loaded[S]) -> None:
        self._drop(subject)
        weight = len(loaded.keys)
        self._entries[subject] = _Entry(
            cast("Kind[object]", kind), cast("Loaded[object]", loaded), weight
        )
        self._keys_kept += weight
        while len(self._entries) > 1 and (
            len(self._entries) > self._capacity or self._keys_kept > self._keys_capacity
        ):
            self._drop(next(iter(self._entries)))

    def _advance(self, subject: str, entry: _Entry, recorded: Recorded) -> None:
        try:
            self._keep(entry.kind, subject, advanced(entry.kind, entry.loaded, recorded))
        except codec.Undecodable:
            # Whoever asks for this history next is told; the tail has to go on for all others.
            self._drop(subject)

    def _drop(self, subject: str) -> None:
        entry = self._entries.pop(subject, None)
        if entry is not None:
            self._keys_kept -= entry.weight
