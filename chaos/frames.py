"""Event streams, strictly: what a line may be is written down once, and anything else is a finding."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

EVENTS = {
    "hello": {"sid", "node", "protocol", "heartbeat_ms"},
    "snapshot": {"topic", "epoch", "version", "cause", "data"},
    "change": {"topic", "epoch", "base", "version", "changes", "cause"},
    "ready": {"revision", "topics"},
    "heartbeat": {"at", "position", "lag_ms"},
    "forbidden": {"topic"},
    "gone": {"topic"},
    "drain": {"retry_ms", "deadline_ms"},
    "bye": {"code", "detail", "retry"},
}


class Event(NamedTuple):
    name: str
    data: Any
    id: str | None


class Malformed(Exception):
    """Bytes that the protocol does not allow."""


def parse(block: str) -> Event | None:
    """The event of one block; None for a block that only says when to come back. Raises `Malformed`."""
    return event_of(fields_of(block))


def fields_of(block: str) -> dict[str, str]:
    """What the lines of a block say, each thing once. Raises `Malformed`."""
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, colon, value = line.partition(": ")
        if (
            not colon
            or name not in ("event", "data", "id", "retry")
            or name in fields
            or "\r" in value
        ):
            raise Malformed(f"a line {line[:200]!r}")
        fields[name] = value
    return fields


def event_of(fields: Mapping[str, str]) -> Event | None:
    """The event that the lines of a block make. Raises `Malformed`."""
    if fields.keys() == {"retry"}:
        return None
    try:
        event = Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
        if event.data.keys() != EVENTS[event.name]:
            raise Malformed(f"{event.name} has {sorted(event.data)}")
    except (KeyError, ValueError) as error:
        raise Malformed(f"{error!r} in {str(fields)[:200]}") from None
    return event
