"""Loads a state: from a kept one, or from the first commit of its history, to the last."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from msgspec.structs import replace

from commands.decider import Kind, origin_of
from commands.keys import key_of
from commands.loaded import Loaded
from commands.log import Log
from commands.state_file import LONG, SHARE, StateFile
from events.codec import Undecodable, is_readable
from events.commit import Commit, Recorded
from events.ids import Position
from events.log import LOG_KIND
from events.process import ProcessInput
from events.store import EventStore
from runtime.errors import Unavailable

S = TypeVar("S")


class Loader:
    """`log` gives the state of the log's own history: which commits that cannot be read are to be left out."""

    def __init__(
        self, store: EventStore, states: StateFile | None, log: Callable[[], Awaitable[Log]]
    ) -> None:
        self._store = store
        self._states = states
        self._log = log

    async def read(self, kind: Kind[S], subject: str) -> Loaded[S]:
        """The state after all commits of a history. Raises `Unavailable` (`unreadable`)."""
        if kind.whole:
            begun, history = await self._whole(kind, subject)
            is_long = len(history) >= LONG + len(begun.keys) // SHARE
            loaded = await self._folded(kind, begun, history)
            if self._states is not None and is_long and isinstance(loaded.state, kind.shape):
                self._states.keep(loaded, history[-1])
            return loaded
        last = await self._store.last(subject)
        history = [last] if last is not None else []
        if last is not None and not is_readable(last):
            history = await self._store.load(subject)
        return await self._folded(kind, Loaded(kind.initial), history)

    async def _whole(self, kind: Kind[S], subject: str) -> tuple[Loaded[S], Sequence[Recorded]]:
        """The kept state and the commits after it; without one the initial state and the whole history."""
        kept = self._states.find(kind, subject) if self._states is not None else None
        if self._states is None or kept is None:
            return Loaded(kind.initial), await self._store.load(subject)
        # The commit it ends with comes along: a log that was cut has another one there, or none.
        begun = cast("Loaded[S]", kept.loaded)
        history = await self._store.load(subject, after=Position(begun.position - 1))
        if (
            history
            and history[0].position == begun.position
            and history[0].fingerprint == kept.fingerprint
        ):
            return begun, history[1:]
        self._states.drop(subject)
        return Loaded(kind.initial), await self._store.load(subject)

    async def _folded(
        self, kind: Kind[S], begun: Loaded[S], history: Sequence[Recorded]
    ) -> Loaded[S]:
        loaded = begun
        for recorded in history:
            try:
                loaded = advanced(kind, loaded, recorded)
            except Undecodable:
                await self._check_skipped(recorded)
                loaded = replace(loaded, position=recorded.position)
        return loaded

    async def _check_skipped(self, recorded: Recorded) -> None:
        """Raises `Unavailable` (`unreadable`) unless the log's owner decided to leave this commit out."""
        if recorded.kind == LOG_KIND:
            # Nobody could decide about it: what it says of other histories is as good as not said.
            return
        if (recorded.subject, recorded.position) not in (await self._log()).skipped:
            raise Unavailable(
                f"This history cannot be read further than position {recorded.position};"
                " `foundry doctor` says more, and `poison.skip` leaves that commit out.",
                code="unreadable",
            )


def advanced(kind: Kind[S], loaded: Loaded[S], recorded: Recorded) -> Loaded[S]:
    """The state after one more commit. Raises `Undecodable`."""
    commit = recorded.commit
    state = kind.fold(commit.events, origin_of(recorded), loaded.state)
    return Loaded(
        state=state,
        position=recorded.position,
        command_position=recorded.position if _is_change(commit) else loaded.command_position,
        keys=_with_key(loaded.keys if kind.whole else {}, recorded),
    )


def _is_change(commit: Commit) -> bool:
    """Whether a command changed the aggregate. What is written to a process, always alone, only passes through its task."""
    if commit.command is None or not commit.events:
        return False
    return not isinstance(commit.events[0], ProcessInput)


def _with_key(keys: Mapping[str, Position], recorded: Recorded) -> Mapping[str, Position]:
    # Shared by all states of one history and only ever added to: copying it for each commit
    # would make a long history's load quadratic, and a key found early leads to the truth as well.
    known = cast("dict[str, Position]", keys)
    known.setdefault(key_of(recorded), recorded.position)
    return known
