"""What of a stored event anybody may read: all of it, but for what would help to guess a secret."""

from collections.abc import Mapping

import msgspec

from events.commit import Event
from events.user import AppSessionStarted, TokenCreated

SECRET: Mapping[type[Event], frozenset[str]] = {
    TokenCreated: frozenset({"hash"}),
    AppSessionStarted: frozenset({"hash"}),
}
"""Fields that are stored and never shown."""


def shown(event: Event) -> dict[str, object]:
    """An event as JSON would hold it, its `type` first, without the fields nobody may read."""
    fields: dict[str, object] = msgspec.to_builtins(event)
    hidden = SECRET.get(type(event), frozenset())
    return {name: value for name, value in fields.items() if name not in hidden}
