"""The file of results: a run of some names renews their figures and leaves the others."""

from pathlib import Path

from bench.__main__ import renewed, write
from bench.result import Result, result


def figure(name: str, ours: float) -> Result:
    return result(name, [ours], "ms")


def test_a_run_of_some_names_leaves_the_other_figures(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    write(file, [figure("one", 1), figure("two", 2)])

    assert renewed(file, [figure("two", 20), figure("three", 3)]) == [
        figure("one", 1),
        figure("two", 20),
        figure("three", 3),
    ]


def test_the_first_run_of_some_names_has_only_theirs(tmp_path: Path) -> None:
    assert renewed(tmp_path / "none.json", [figure("one", 1)]) == [figure("one", 1)]
