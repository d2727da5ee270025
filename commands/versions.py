"""Optimistic locking as HTTP spells it: `If-Match` with an ETag of a topic or a bare position (docs/protocol.md, "If-Match")."""

import re
from typing import TypeVar

from msgspec import Struct

from commands.loaded import Loaded
from events.ids import BEGINNING
from projectors.epoch import mark_of
from runtime.problems import VersionMismatch

S = TypeVar("S")

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')
_DIGITS = re.compile(r"[0-9]{1,19}")


class Expectation(Struct, frozen=True):
    """`any_version`: the aggregate only has to exist. `versions`: no command came after the newest of these."""

    any_version: bool = False
    versions: tuple[int, ...] = ()


def expectation_of(if_match: str, *, cut: str | None) -> Expectation:
    """What an `If-Match` header demands. An entity tag that is not one of ours matches nothing.

    `cut` is the mark of the log's last cut. A tag from before it names a version that may be lost, or that
    is another commit now; of a bare position that cannot be told.
    """
    tags = [quoted or bare for quoted, bare in _TAG.findall(if_match)]
    positions = [tag.rpartition(".") for tag in tags]
    return Expectation(
        any_version="*" in tags,
        versions=tuple(
            int(version)
            for epoch, _, version in positions
            if _DIGITS.fullmatch(version) and (not epoch or mark_of(epoch) == cut)
        ),
    )


def check_version(
    loaded: Loaded[S],
    expected_version: int | None,
    if_match: str | None,
    *,
    cut: str | None = None,
) -> None:
    """Raises `VersionMismatch` when a command changed the aggregate after the version the caller named.

    What workers report does not count: it would make every lock fail while an agent works.
    """
    if expected_version is not None and loaded.command_position > expected_version:
        raise _mismatch(loaded)
    if if_match is None:
        return
    expectation = expectation_of(if_match, cut=cut)
    if expectation.any_version and loaded.position != BEGINNING:
        return
    if not any(version >= loaded.command_position for version in expectation.versions):
        raise _mismatch(loaded)


def _mismatch(loaded: Loaded[S]) -> VersionMismatch:
    if loaded.position == BEGINNING:
        return VersionMismatch("There is nothing yet that could match; leave If-Match out.")
    # The tag may be the same when it is read again: not every change of an aggregate is one of each topic.
    position = loaded.command_position
    return VersionMismatch(
        f"A command changed this at position {position}; read it again (?at_least={position}), decide anew,"
        " and name that position."
    )
