"""Times by name, summed up as averages and percentiles in milliseconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

PERCENTILES = (50, 95, 99)


class Figures:
    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self._seconds.setdefault(name, []).append(seconds)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def json(self) -> dict[str, float]:
        """`createTaskAvgMs`, `createTaskP50Ms` and so on, and how many of each there were."""
        summary: dict[str, float] = {}
        for name, seconds in self._seconds.items():
            summary[f"{name}Count"] = len(seconds)
            summary[f"{name}AvgMs"] = _ms(sum(seconds) / len(seconds))
            summary[f"{name}MaxMs"] = _ms(max(seconds))
            for percent in PERCENTILES:
                summary[f"{name}P{percent}Ms"] = _ms(percentile(seconds, percent))
        return summary

    def table(self) -> str:
        """A Markdown table."""
        lines = ["| ms | count | avg | p50 | p95 | p99 | max |", "|---|---|---|---|---|---|---|"]
        for name, seconds in self._seconds.items():
            percentiles = [percentile(seconds, percent) for percent in PERCENTILES]
            times = [sum(seconds) / len(seconds), *percentiles, max(seconds)]
            cells = [name, str(len(seconds)), *(str(_ms(one)) for one in times)]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that so many percent of all do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
