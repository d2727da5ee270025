"""How older shapes of stored events become today's.

An upcaster takes one event of its tag as plain data, in the shape of format `n`, and gives the
shape of format `n + 1`. The table is empty while only one shape was ever written.
"""

from collections.abc import Callable, Mapping
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: Mapping[int, Mapping[str, Upcaster]] = {}


def upcast(
    event: dict[str, Any],
    *,
    written: int,
    current: int,
    upcasters: Mapping[int, Mapping[str, Upcaster]] = UPCASTERS,
) -> dict[str, Any]:
    """Lift one event from the format it was written in to the current one, step by step."""
    for step in range(written, current):
        lift = upcasters.get(step, {}).get(event["type"])
        if lift is not None:
            event = lift(event)
    return event
