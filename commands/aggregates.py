"""The states decisions are made from: folded once, kept while there is room, kept fresh by the log's tail.

What is kept may be behind: only an append (by its expected position) or `confirmed` proves a state.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast
from weakref import WeakValueDictionary

from msgspec import Struct, field
from msgspec.structs import replace

from commands.decider import Kind, origin_of
from commands.heads import Heads
from commands.keys import key_of
from commands.log import LOG
from events.codec import Undecodable, is_readable
from events.commit import Recorded
from events.ids import BEGINNING, Position
from events.log import LOG_ID, LOG_KIND
from events.store import EventStore, kind_of, subject_of
from runtime.errors import Unavailable

S = TypeVar("S")

LEADER_CATCHES_UP = (0.02, 0.1, 0.4, 1.0)
"""Seconds between looks at a head that is older than what this process knows."""

CAPACITY = 10_000
KEYS_CAPACITY = 500_000
"""Command keys of all kept states together: what a state weighs is mostly how many commits it has."""


class Loaded(Struct, Generic[S], frozen=True):
    """A state and where in its history it stands.

    `command_position` is that of the last commit which a command made; `keys` leads from what
    `keys.key_of` says of a commit to its position.
    """

    state: S
    position: Position = BEGINNING
    command_position: Position = BEGINNING
    keys: Mapping[str, Position] = field(default_factory=dict)


@dataclass
class _Entry:
    kind: Kind[object]
    loaded: Loaded[object]
    weight: int


class Aggregates:
    """A bounded cache of folded aggregates, and a `events.feed.Follower` that keeps them fresh."""

    def __init__(
        self, store: EventStore, *, capacity: int = CAPACITY, keys_capacity: int = KEYS_CAPACITY
    ) -> None:
        self._store = store
        self._heads = Heads(store)
        self._capacity = capacity
        self._keys_capacity = keys_capacity
        self._keys_kept = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._loading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._deciding: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._expected: dict[str, list[asyncio.Future[None]]] = {}
        self._seen: dict[str, Position] = {}
        self._generation = 0
        self.checkpoint = BEGINNING

    async def start(self) -> None:
        """Begin at the log's present end. What was loaded before could have missed commits, so it is forgotten."""
        self.checkpoint = await self._store.head()
        self.forget_all()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Move kept states on by the commits of the tail; what is at or below a state's position is in it already."""
        for recorded in batch:
            if recorded.position <= self.checkpoint:
                continue
            self.checkpoint = recorded.position
            subject = recorded.subject
            if kind_of(subject) == LOG_KIND:
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
            return await self._load(kind, subject)
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
            self.forget(kind, aggregate_id)
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
                f"{aggregate_id} was announced and nobody has begun with it yet; try again.",
                code="not_caught_up",
            ) from None
        finally:
            waiting = self._expected.get(subject, [])
            if waiter in waiting:
                waiting.remove(waiter)
            if not waiting:
                self._expected.pop(subject, None)

    def appended(self, kind: Kind[S], before: Loaded[S], recorded: Recorded) -> Loaded[S]:
        """Keep the state after a commit of our own that followed directly on `before`."""
        entry = self._entries.get(recorded.subject)
        if entry is None or entry.loaded.position < recorded.position:
            after = _after(kind, before, recorded)
            self._keep(kind, recorded.subject, after)
            return after
        return cast("Loaded[S]", entry.loaded)

    def lock(self, kind: Kind[S], aggregate_id: str) -> asyncio.Lock:
        """Held while one decision is made and appended, so that one process does not race with itself."""
        return self._deciding.setdefault(subject_of(kind.name, aggregate_id), asyncio.Lock())

    def forget(self, kind: Kind[S], aggregate_id: str) -> None:
        """Read this one anew when it is next asked for."""
        self._drop(subject_of(kind.name, aggregate_id))

    def forget_all(self) -> None:
        """After a reconnect the log may be another one: nothing kept is trusted, nor what is being loaded."""
        self._entries.clear()
        self._keys_kept = 0
        self._generation += 1

    # --- Loading ---

    async def _load(self, kind: Kind[S], subject: str) -> Loaded[S]:
        lock = self._loading.setdefault(subject, asyncio.Lock())
        async with lock:
            loaded = self._kept(kind, subject)
            if loaded is not None:
                return loaded
            generation = self._generation
            self._seen.pop(subject, None)
            try:
                loaded = await self._read(kind, subject)
                seen = self._seen.get(subject, BEGINNING)
                if loaded.position < seen:
                    loaded = await self._read(kind, subject)
            finally:
                self._seen.pop(subject, None)
            # Nothing was: keeping that would let anybody fill the cache with names.
            if loaded.position != BEGINNING and generation == self._generation:
                self._keep(kind, subject, loaded)
            return loaded

    async def _read(self, kind: Kind[S], subject: str) -> Loaded[S]:
        if kind.whole:
            history = await self._store.load(subject)
        else:
            last = await self._store.last(subject)
            history = [last] if last is not None else []
            if last is not None and not is_readable(last):
                history = await self._store.load(subject)
        loaded = Loaded(kind.initial)
        for recorded in history:
            try:
                loaded = _after(kind, loaded, recorded)
            except Undecodable:
                await self._check_skipped(recorded)
                loaded = replace(loaded, position=recorded.position)
        return loaded

    async def _check_skipped(self, recorded: Recorded) -> None:
        """Raises `Unavailable` (`unreadable`) unless the log's owner decided to leave this commit out."""
        if kind_of(recorded.subject) == LOG_KIND:
            # Nobody could decide about it: what it says of other histories is as good as not said.
            return
        log = (await self.confirmed(LOG, LOG_ID)).state
        if (recorded.subject, recorded.position) not in log.skipped:
            raise Unavailable(
                f"This history cannot be read further than position {recorded.position};"
                " `foundry doctor` says more, and `poison.skip` leaves that commit out.",
                code="unreadable",
            )

    async def _catch_up(self, kind: Kind[S], subject: str, behind: Loaded[S]) -> Loaded[S]:
        newer = await self._store.load(subject, after=behind.position)
        loaded = self._kept(kind, subject)
        if loaded is None:
            return await self._load(kind, subject)
        try:
            for recorded in newer:
                if recorded.position > loaded.position:
                    loaded = _after(kind, loaded, recorded)
        except Undecodable:
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
            self._keep(entry.kind, subject, _after(entry.kind, entry.loaded, recorded))
        except Undecodable:
            # Whoever asks for this history next is told; the tail has to go on for all others.
            self._drop(subject)

    def _drop(self, subject: str) -> None:
        entry = self._entries.pop(subject, None)
        if entry is not None:
            self._keys_kept -= entry.weight


def _after(kind: Kind[S], loaded: Loaded[S], recorded: Recorded) -> Loaded[S]:
    commit = recorded.commit
    state = kind.fold(commit.events, origin_of(recorded), loaded.state)
    by_command = commit.command is not None
    return Loaded(
        state=state,
        position=recorded.position,
        command_position=recorded.position if by_command else loaded.command_position,
        keys=_with_key(loaded.keys if kind.whole else {}, recorded),
    )


def _with_key(keys: Mapping[str, Position], recorded: Recorded) -> Mapping[str, Position]:
    # Shared by all states of one history and only ever added to: copying it for each commit
    # would make a long history's load quadratic, and a key found early leads to the truth as well.
    known = cast("dict[str, Position]", keys)
    known.setdefault(key_of(recorded), recorded.position)
    return known
