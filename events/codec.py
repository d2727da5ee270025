"""Commits to bytes and back."""

from typing import Any

import msgspec

from events.commit import FORMAT, Commit, Recorded
from events.long_prompt import with_prompt_once, with_prompt_twice
from events.store import MAX_COMMIT_BYTES
from events.upcasters import upcast

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Commit)
# Numbers of thousands of digits and lists in lists without end are not msgspec's own errors.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Undecodable(Exception):
    """Stored bytes that this code cannot read: damaged, or written by newer code."""


def encode(commit: Commit) -> bytes:
    """One line of JSON."""
    body = _encoder.encode(commit)
    return body if len(body) <= MAX_COMMIT_BYTES else _encoder.encode(with_prompt_once(commit))


def decode(body: bytes) -> Commit:
    """The commit in today's shape, whatever format it was written in. Raises `Undecodable`."""
    try:
        commit = _decoder.decode(body)
        if commit.format != FORMAT:
            commit = _decode_older(body, None)
    except _UNREADABLE as error:
        commit = _decode_older(body, error)
    # No shorter one had to leave anything out.
    return commit if len(body) <= MAX_COMMIT_BYTES // 2 else with_prompt_twice(commit)


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
