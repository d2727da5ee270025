"""What one measurement says: ours beside its limit and beside its peers, in one run."""

from statistics import median

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


class Result(Struct, frozen=True, kw_only=True):
    """One line of the table. `ratio` is ours to what the goal names, else to the limit.

    `spread` is (largest - smallest) / median of the runs that `ours` is the median of.
    """

    name: str
    ours: float
    unit: str
    limit: float | None = None
    peers: dict[str, float] = {}
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    spread: float | None = None
    note: str = ""


def result(
    name: str,
    runs: list[float],
    unit: str,
    *,
    limit: float | None = None,
    peers: dict[str, float] | None = None,
    goal: Goal | Bound | None = None,
    note: str = "",
) -> Result:
    """The median of several runs, held against its goal. A goal whose peer is missing is neither met nor missed."""
    ours = median(runs)
    others = peers or {}
    against = limit
    met: bool | None = None
    match goal:
        case Bound(at_most):
            met = ours <= at_most
        case Goal(name_of_other, wanted, at_most):
            against = limit if name_of_other == "limit" else others.get(name_of_other)
            if against:
                met = ours / against <= wanted if at_most else ours / against >= wanted
        case None:
            pass
    return Result(
        name=name,
        ours=significant(ours),
        unit=unit,
        limit=None if limit is None else significant(limit),
        peers={peer: significant(value) for peer, value in others.items()},
        ratio=significant(ours / against) if against else None,
        goal=str(goal) if goal else "",
        met=met,
        spread=significant((max(runs) - min(runs)) / ours) if len(runs) > 1 and ours else None,
        note=note,
    )


def significant(value: float) -> float:
    """Three figures: what these machines can tell."""
    return float(f"{value:.3g}")
