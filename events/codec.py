"""Commits to bytes and back."""

from typing import Any

import msgspec

from events.commit import FORMAT, Commit, Recorded
from events.upcasters import upcast

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Commit)
# Numbers of thousands of digits and lists in lists without end are not msgspec's own errors.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Undecodable(Exception):
    """Stored bytes that this code cannot read: damaged, or written by newer code."""


def encode(commit: Commit) -> bytes:
    """One line of JSON."""
    return _encoder.encode(commit)


def decode(body: bytes) -> Commit:
    """The commit in today's shape, whatever format it was written in. Raises `Undecodable`."""
    try:
        commit = _decoder.decode(body)
    except _UNREADABLE as error:
        return _decode_older(body, error)
    return commit if commit.format == FORMAT else _decode_older(body, None)


def is_readable(recorded: Recorded) -> bool:
    """Whether this version of the code understands a stored commit."""
    try:
        return bool(recorded.commit)
    except Undecodable:
        return False


def _decode_older(body: bytes, first: Exception | None) -> Commit:
    try:
        raw: Any = msgspec.json.decode(body)
        written = raw.get("format", 1)
        if written >= FORMAT:
            raise Undecodable(f"format {written} cannot be read: {first}")
        raw["events"] = [upcast(event, written=written, current=FORMAT) for event in raw["events"]]
        raw["format"] = FORMAT
        return msgspec.convert(raw, Commit)
    except (*_UNREADABLE, AttributeError, KeyError, TypeError) as error:
        raise Undecodable(str(first or error)) from error
