"""Many changes of one topic to one that brings a slow reader to the same state (docs/protocol.md, "Slow readers")."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from projectors.views import Change


class _Op(Struct):
    op: str
    entity: str
    id: str
    value: Raw | UnsetType = UNSET


_decoder = msgspec.json.Decoder(list[_Op])


def conflate(missed: Sequence[Change]) -> Change:
    """The latest state of every entity touched, with the first's base and the last's version.

    `missed` is not empty and each change starts where the one before it ended.
    """
    latest: dict[tuple[str, str], _Op] = {}
    for change in missed:
        for op in _decoder.decode(change.changes):
            latest[op.entity, op.id] = op
    last = missed[-1]
    return Change(
        topic=last.topic,
        epoch=last.epoch,
        base=missed[0].base,
        version=last.version,
        changes=msgspec.json.encode(list(latest.values())),
        cause=b'{"kind":"conflated","position":%d}' % last.version,
    )
