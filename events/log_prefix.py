"""What was read of the log, with a fingerprint to recognise it by: a server may come back without the log's end.

The commit at the reader's position is compared with the one that stands there now. An operator may
have deleted that very message, so the ones before it are remembered too.
"""

import asyncio
import logging
import secrets
import string
import time
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from events.codec import Undecodable
from events.commit import Commit, Recorded
from events.ids import BEGINNING, Position, Timestamp
from events.log import LOG_ID, LOG_KIND, LogCut
from events.store import AlreadyStored, EventStore, StalePosition, subject_of

log = logging.getLogger(__name__)

REMEMBERED = 3
DOUBT_PAUSE = 0.5
NODE = "node"
"""The actor of what nodes themselves note in the log."""

LOG_SUBJECT = subject_of(LOG_KIND, LOG_ID)


class CommitFingerprint(Struct, frozen=True):
    position: Position
    fingerprint: str


class LogFingerprint(Struct, frozen=True):
    """`commits` are the newest commits that were read, oldest first; `cuts` the marks of all cuts the log knew of."""

    commits: tuple[CommitFingerprint, ...] = ()
    cuts: tuple[str, ...] = ()

    @property
    def position(self) -> Position:
        return self.commits[-1].position if self.commits else BEGINNING


class LogPrefix:
    """The log as far as a reader has read it. Cheap: fingerprints are made when they are asked for."""

    def __init__(self, fingerprint: LogFingerprint) -> None:
        self._commits = fingerprint.commits
        self._added: deque[Recorded] = deque(maxlen=REMEMBERED)
        self.position = fingerprint.position
        self.cuts = fingerprint.cuts

    def add(self, recorded: Recorded) -> None:
        """The reader has read this commit, which comes after all others it was told of."""
        self._added.append(recorded)
        self.position = recorded.position
        if recorded.kind == LOG_KIND:
            self.cuts = (*self.cuts, *marks_in(recorded))

    @property
    def fingerprint(self) -> LogFingerprint:
        newest = [CommitFingerprint(one.position, one.fingerprint) for one in self._added]
        self._commits = (*self._commits, *newest)[-REMEMBERED:]
        self._added.clear()
        return LogFingerprint(self._commits, self.cuts)


def marks_in(recorded: Recorded) -> tuple[str, ...]:
    """The marks of the cuts that a commit of the log's own history tells of."""
    try:
        events = recorded.commit.events
    except Undecodable:
        log.error(
            "commit of the log's own history cannot be read", extra={"position": recorded.position}
        )
        return ()
    return tuple(event.mark for event in events if isinstance(event, LogCut))


async def is_prefix_of(store: EventStore, fingerprint: LogFingerprint) -> bool:
    """Whether what was read up to a fingerprint's position is still the beginning of the log.

    That it is not is believed only when no server can be behind any more: taking a log for cut that is not
    makes everybody fold and load everything anew.
    """
    (whole,) = await are_prefixes_of(store, (fingerprint,))
    return whole


async def are_prefixes_of(
    store: EventStore, fingerprints: Sequence[LogFingerprint]
) -> Sequence[bool]:
    """`is_prefix_of` for several readers, who doubt together: one after the other, each would take that time."""
    doubtful_until = asyncio.get_running_loop().time() + store.doubt_seconds
    whole = [False] * len(fingerprints)
    while True:
        whole = [
            known or await _begins_with(store, fingerprint)
            for known, fingerprint in zip(whole, fingerprints, strict=True)
        ]
        if all(whole) or asyncio.get_running_loop().time() >= doubtful_until:
            return whole
        await asyncio.sleep(DOUBT_PAUSE)


async def _begins_with(store: EventStore, fingerprint: LogFingerprint) -> bool:
    if not fingerprint.commits:
        return True
    if await store.end() < fingerprint.position:
        return False
    for commit in reversed(fingerprint.commits):
        found = await store.at(commit.position)
        if found is not None:
            return found.fingerprint == commit.fingerprint
    # Deleted one by one, or lost with a damaged file while the server still counts them. Nothing tells which, and to
    # show on and on what was made of commits that are nowhere is worse than to make everything anew once too often.
    return False


async def note_cut(store: EventStore, fingerprint: LogFingerprint) -> None:
    """Append a `LogCut` for the log's loss of what this fingerprint is of, unless somebody has done so since.

    Whoever remembers the lost end knows all cuts before it. So a mark that this fingerprint does not know was
    set after the end was lost, and states of then and of now are told apart already.
    """
    while True:
        history = await store.load(LOG_SUBJECT)
        known = [mark for recorded in history for mark in marks_in(recorded)]
        if any(mark not in fingerprint.cuts for mark in known):
            return
        cut = LogCut(mark=_new_mark(), folded=fingerprint.position)
        try:
            position = await store.append(
                LOG_SUBJECT,
                Commit(at=Timestamp(time.time_ns() // 1_000_000), actor=NODE, events=(cut,)),
                expected=_position_of(history),
                message_id=f"cut/{cut.mark}",
            )
        except StalePosition:
            continue
        except AlreadyStored as stored:
            position = stored.position
        log.error(
            "the log lost its end", extra={"folded": fingerprint.position, "noted_at": position}
        )
        return


def _position_of(history: Sequence[Recorded]) -> Position:
    return history[-1].position if history else BEGINNING


def _new_mark() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(6))
