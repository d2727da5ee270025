"""One line of a benchmark: what was measured, what it is held against, and whether that is enough."""

from typing import Literal

from msgspec import Struct, field


class Result(Struct, frozen=True, kw_only=True):
    """`limit` is what the machine allowed in the same run and `peers` what others reach, in the same unit.

    `ratio` is `ours` by `limit`, `goal` is for `ours`.
    """

    name: str
    ours: float
    unit: str
    limit: float | None = None
    peers: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    goal: float | None = None
    better: Literal["higher", "lower"] = "higher"
    met: bool | None = None

    def line(self) -> str:
        """For people: `name: 51,234 events/s (goal 50,000: met)`."""
        told = f"{self.name}: {_short(self.ours)} {self.unit}"
        if self.ratio is not None:
            told += f", {self.ratio:.2f} of the limit"
        if self.goal is not None:
            told += f" (goal {_short(self.goal)}: {'met' if self.met else 'not met'})"
        return told


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


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
