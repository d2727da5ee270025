"""One line of a benchmark: what was measured, what it is held against, and whether that is enough."""

from typing import Literal

from msgspec import Struct


class Result(Struct, frozen=True, kw_only=True):
    """`limit` is what the machine allowed in the same run and `peers` what others reach, in the same unit.

    `ratio` is `ours` by `limit`; `goal` is for `ours`, or for `ratio` where the unit is a share.
    """

    name: str
    ours: float
    unit: str
    limit: float | None = None
    peers: dict[str, float] = {}
    ratio: float | None = None
    goal: float | None = None
    better: Literal["higher", "lower"] = "higher"
    met: bool | None = None


def judged(
    name: str,
    ours: float,
    unit: str,
    *,
    limit: float | None = None,
    goal: float | None = None,
    better: Literal["higher", "lower"] = "higher",
) -> Result:
    """A result with its ratio to the limit, and whether the goal is met; None where there is none."""
    met = None
    if goal is not None:
        met = ours >= goal if better == "higher" else ours <= goal
    return Result(
        name=name,
        ours=ours,
        unit=unit,
        limit=limit,
        ratio=ours / limit if limit else None,
        goal=goal,
        better=better,
        met=met,
    )
