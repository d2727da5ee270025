"""Loaded by schemathesis in its own process: half of the ids it makes up become ids of things that are there."""

import json
import os
import zlib
from typing import Any

import schemathesis

KNOWN: dict[str, str] = json.loads(os.environ["FUZZ_KNOWN"])


@schemathesis.hook
def before_call(ctx: Any, case: Any, **kwargs: Any) -> None:
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            for name, value in part.items():
                part[name] = _perhaps_known(name, _as_people_write_it(value))


def _perhaps_known(name: str, value: object) -> object:
    """Only in the place of what could be an id: what is wrong on purpose stays wrong."""
    if name not in KNOWN or not isinstance(value, str):
        return value
    could_be = 0 < len(value) <= 200 and "/" not in value
    # The same value is always treated alike, so that a failure comes again.
    return KNOWN[name] if could_be and zlib.crc32(value.encode()) % 2 else value


def _as_people_write_it(value: object) -> object:
    """JSON Schema calls 1.0 an integer; this server wants integers without a fraction."""
    if isinstance(value, dict):
        return {name: _as_people_write_it(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_people_write_it(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: Any, value: Any) -> bytes:
    """One line of a batch."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer("application/x-ndjson")
def first_line(ctx: Any, response: Any) -> Any:
    """The answer to that line; of a batch without lines there is none, and an answer to nothing fits anywhere."""
    answered = response.content.split(b"\n", 1)[0]
    return json.loads(answered or b'{"line": 0, "status": 202}')
