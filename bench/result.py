"""What one measurement says: ours beside its limit and beside its peers, in one run."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from msgspec import Struct


class Goal(Struct, frozen=True):
    """`ratio` of ours to `against` (`limit`, or a peer's name) that is wanted, at least or at most."""

    against: str
    ratio: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.ratio:g}x {self.against}"


class Bound(Struct, frozen=True):
    """A figure that ours is to stay below, in its own unit."""

    at_most: float

    def __str__(self) -> str:
        return f"<= {self.at_most:g}"


class Floor(Struct, frozen=True):
    """A figure that ours is to reach, in its own unit."""

    at_least: float

    def __str__(self) -> str:
        return f">= {self.at_least:g}"


class Result(Struct, frozen=True, kw_only=True):
    """One line of the table. `ratio` is ours to what the first goal names, else to the limit.

    `spread` is (largest - smallest) / median of the runs that `ours` is the median of. `tail` says
    that it is a high percentile, which a short round leaves to chance.
    """

    name: str
    ours: float
    unit: str
    limit: float | None = None
    peers: dict[str, float] = {}
    ratio: float | None = None
    better: Literal["more", "less"] = "more"
    goal: str = ""
    met: bool | None = None
    spread: float | None = None
    tail: bool = False
    note: str = ""


def result(
    name: str,
    runs: list[float],
    unit: str,
    *,
    limit: float | None = None,
    peers: dict[str, float] | None = None,
    goal: Goal | Bound | Floor | Sequence[Goal | Bound | Floor] = (),
    better: Literal["more", "less"] = "more",
    tail: bool = False,
    note: str = "",
) -> Result:
    """The median of several runs, held against its goals. A goal whose peer is missing is neither met nor missed."""
    ours = median(runs)
    others = (peers or {}) | ({} if limit is None else {"limit": limit})
    goals = [goal] if isinstance(goal, Goal | Bound | Floor) else goal
    named = [one.against for one in goals if isinstance(one, Goal) and others.get(one.against)]
    against = others[named[0]] if named else limit
    return Result(
        name=name,
        ours=significant(ours),
        unit=unit,
        limit=None if limit is None else significant(limit),
        peers={peer: significant(value) for peer, value in (peers or {}).items()},
        ratio=significant(ours / against) if against else None,
        better="less" if any(_wants_less(one) for one in goals) else better,
        goal=", ".join(map(str, goals)),
        met=_all_met([_met(ours, one, others) for one in goals]),
        spread=significant((max(runs) - min(runs)) / ours) if len(runs) > 1 and ours else None,
        tail=tail,
        note=note,
    )


def _met(ours: float, goal: Goal | Bound | Floor, others: dict[str, float]) -> bool | None:
    if isinstance(goal, Bound):
        return ours <= goal.at_most
    if isinstance(goal, Floor):
        return ours >= goal.at_least
    against = others.get(goal.against)
    if not against:
        return None
    return ours / against <= goal.ratio if goal.at_most else ours / against >= goal.ratio


def _all_met(met: list[bool | None]) -> bool | None:
    if False in met:
        return False
    return None if None in met or not met else True


def _wants_less(goal: Goal | Bound | Floor) -> bool:
    return isinstance(goal, Bound) or (isinstance(goal, Goal) and goal.at_most)


def significant(value: float) -> float:
    """Three figures: what these machines can tell."""
    return float(f"{value:.3g}")
