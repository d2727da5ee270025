"""Holds a quick run against the committed one: a ratio that got worse by more than half is a loss somebody has to explain."""

from collections.abc import Sequence

from bench.result import Result

WORSE = 2.0
"""Machines and their moods differ, ratios inside one run much less; below this it may be chance."""


def losses(before: Sequence[Result], now: Sequence[Result]) -> list[str]:
    """A sentence for each figure of `now` whose ratio fell by more than half; tails and figures without a partner are left out."""
    known = {one.name: one for one in before}
    found = []
    for one in now:
        earlier = known.get(one.name)
        if earlier is None or one.tail or not earlier.ratio or not one.ratio:
            continue
        worse = one.ratio / earlier.ratio if one.better == "less" else earlier.ratio / one.ratio
        if worse > WORSE:
            found.append(f"{one.name}: the ratio was {earlier.ratio:g} and is {one.ratio:g}")
    return found
