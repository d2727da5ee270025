"""Whether something grows: a straight line through what was measured; pure."""

from collections.abc import Sequence
from typing import NamedTuple

SETTLING = 1 / 3
"""The first part of a run is not looked at: caches fill, pools open what they keep."""


class Slope(NamedTuple):
    name: str
    first: float
    last: float
    an_hour: float
    """How much more there would be in an hour, by the line."""

    def line(self) -> str:
        return f"{self.name:<22} {self.first:>12,.1f} {self.last:>12,.1f} {self.an_hour:>+14,.1f}"


def slope(name: str, samples: Sequence[tuple[float, float]]) -> Slope:
    """Through the samples, each seconds and value, that came after things settled. Needs three of them."""
    later = samples[int(len(samples) * SETTLING) :]
    times = [at for at, _ in later]
    values = [value for _, value in later]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    rise = sum((at - middle) * (value - mean) for at, value in later) / spread
    return Slope(name, values[0], values[-1], rise * 3600)
