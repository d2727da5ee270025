"""Draws the pictures of `bench.growth` with matplotlib, which only `make bench-peers` installs."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench"})

import matplotlib.pyplot as plt  # noqa: E402


def main(folder: Path) -> None:
    for picture in json.load(sys.stdin):
        figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
        for name, points in picture["lines"].items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set(
            title=picture["title"],
            xlabel=picture["x"],
            ylabel=picture["y"],
            xscale="log",
            yscale="log",
        )
        axes.grid(visible=True, which="both", alpha=0.2)
        if len(picture["lines"]) > 1:
            axes.legend()
        file = folder / f"{picture['file']}.svg"
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)
        print(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
