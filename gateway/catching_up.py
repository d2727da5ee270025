"""Reads what a client lacks: nothing, the changes it missed, one conflated change, or the whole topic."""

from collections.abc import Sequence

from msgspec import Struct

from events.ids import Position
from gateway import frames
from gateway.conflation import conflate
from gateway.frames import Frame
from gateway.holding import Holding, Nothing, Replay, SnapshotCause, Whole, after, need
from gateway.topics import Topic
from projectors.views import Change, Views
from runtime.metrics import SNAPSHOTS

REPLAY_BYTES = 4 * 1024 * 1024
"""A client that comes back gets more than this as a snapshot."""

HEAVY_BYTES = 2 * 1024 * 1024
"""And more than this too, where the whole topic is less than half of it.

A client on a slow line that breaks now and then would else begin with ever more, and never be done.
"""

UNCONFLATED_BYTES = 64 * 1024
"""A slow reader that lacks no more than this gets each change as it was."""


class Delivery(Struct, frozen=True):
    """Events to send, and what the client holds after them."""

    frames: Sequence[Frame]
    holding: Holding


async def catch_up(
    views: Views, topic: Topic, holding: Holding | None, *, was_live: bool, keeps_up: bool
) -> Delivery | None:
    """What brings the client to the present version; None when there is no such topic.

    A resume replays exactly what was missed; for a stream that was live and fell behind it is conflated,
    unless its reader keeps up.
    """
    if holding is None:
        return await _whole(views, topic, "bootstrap")
    epoch = views.epoch(topic.projection)
    version = await views.version(topic.stored)
    if version is None:
        return None
    match need(holding, epoch=epoch, version=version):
        case Nothing(version):
            return Delivery((), Holding(epoch, version, exact=True))
        case Whole(cause):
            return await _whole(views, topic, cause)
        case Replay(after):
            missed = await views.changes(topic.stored, after)
            if not missed or not _in_line(missed, after if holding.exact else missed[0].base):
                return await _whole(views, topic, "conflated" if was_live else "gap")
            if was_live:
                unconflated = HEAVY_BYTES if keeps_up else UNCONFLATED_BYTES
                return await _told(views, topic, missed, unconflated)
            return await _replayed(views, topic, missed)


async def _replayed(views: Views, topic: Topic, missed: Sequence[Change]) -> Delivery | None:
    replay = [frames.replayed(change) for change in missed]
    weight = frames.total(replay)
    if weight > HEAVY_BYTES:
        whole = await _whole(views, topic, "gap")
        if weight > REPLAY_BYTES or whole is None or frames.total(whole.frames) < weight / 2:
            return whole
    return Delivery(replay, after(missed[-1]))


async def _told(
    views: Views, topic: Topic, missed: Sequence[Change], unconflated: int
) -> Delivery | None:
    # One change by itself is the latest there is, and whoever gave the command looks for its cause.
    if len(missed) == 1 or _size(missed) <= unconflated:
        return Delivery([frames.change(change) for change in missed], after(missed[-1]))
    one = conflate(missed)
    conflated = frames.change(one)
    if conflated.size > UNCONFLATED_BYTES:
        whole = await _whole(views, topic, "conflated")
        if whole is None or frames.total(whole.frames) < conflated.size:
            return whole
    return Delivery([conflated], after(one))


async def _whole(views: Views, topic: Topic, cause: SnapshotCause) -> Delivery | None:
    snapshot = await views.snapshot(topic.stored)
    if snapshot is None:
        return None
    SNAPSHOTS.labels(cause).inc()
    return Delivery(
        [frames.snapshot(snapshot, cause)],
        Holding(snapshot.epoch, snapshot.version, exact=True),
    )


def _in_line(changes: Sequence[Change], position: Position) -> bool:
    for change in changes:
        if change.base != position:
            return False
        position = change.version
    return True


def _size(changes: Sequence[Change]) -> int:
    return sum(len(change.changes) + len(change.cause) for change in changes)
