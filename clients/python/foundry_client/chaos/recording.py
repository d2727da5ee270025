"""A recorded stream: what every topic began with and what then happened, one event of the wire a line.

The fold here is on purpose not the client's: a proxy that shared the client's mistakes would not find them.
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from foundry_client.chaos.naming import list_of

Data = dict[str, Any]

TOLD = ("snapshot", "change", "gone", "forbidden")
"""The events that say something about a topic; hello, ready and heartbeats belong to a connection."""


class Step(msgspec.Struct, frozen=True):
    """One event about one topic, as it came over the wire."""

    event: str
    data: Data

    @property
    def topic(self) -> str:
        return str(self.data["topic"])

    @property
    def tag(self) -> str:
        return f"{self.data.get('epoch')}.{self.data.get('version')}"


class Shown(msgspec.Struct, frozen=True):
    """One topic as everybody should see it."""

    epoch: str
    version: int
    data: Data

    @property
    def tag(self) -> str:
        return f"{self.epoch}.{self.version}"


class Recording:
    """`steps` in the order they happened; `beginning` is where every topic has been told for the first time.

    A topic that was asked for late is taken to have been there before.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        first, later = _parted(step for step in steps if step.event in TOLD)
        self.steps = [*first, *later]
        self.beginning = len(first)
        self._moments: list[Mapping[str, Shown]] = [{}]
        for step in self.steps:
            self._moments.append(_after(self._moments[-1], step))

    @property
    def end(self) -> int:
        return len(self.steps)

    @property
    def final(self) -> Mapping[str, Shown]:
        """What everybody should see in the end."""
        return self.views(self.end)

    @property
    def topics(self) -> set[str]:
        return {step.topic for step in self.steps}

    def views(self, moment: int) -> Mapping[str, Shown]:
        """Every topic after so many steps."""
        return self._moments[moment]

    def since(self, tag: str | None, topic: str, moment: int) -> list[Step] | None:
        """What a holder of `tag` has missed of a topic at a moment; None when that was never a state of it."""
        if tag is None:
            return None
        missed: list[Step] = []
        for step in reversed(self.steps[:moment]):
            if step.topic == topic:
                if step.tag == tag:
                    return missed[::-1]
                missed.append(step)
        return None


def read(path: Path) -> Recording:
    """The recording in a file. Raises `msgspec.DecodeError` for a line that is none."""
    # Not splitlines(): JSON may hold a U+2028 that is no end of a line.
    lines = path.read_bytes().split(b"\n")
    return Recording(msgspec.json.decode(line, type=Step) for line in lines if line)


def _parted(steps: Iterable[Step]) -> tuple[list[Step], list[Step]]:
    """The first word about each topic, and all later ones."""
    first: dict[str, Step] = {}
    later: list[Step] = []
    for step in steps:
        if step.topic in first:
            later.append(step)
        else:
            first[step.topic] = step
    return list(first.values()), later


def _after(before: Mapping[str, Shown], step: Step) -> Mapping[str, Shown]:
    views = dict(before)
    if step.event == "snapshot":
        views[step.topic] = Shown(step.data["epoch"], step.data["version"], step.data["data"])
    elif step.event == "change":
        data = copy.deepcopy(views[step.topic].data)
        for change in step.data["changes"]:
            _apply(data, change)
        views[step.topic] = Shown(step.data["epoch"], step.data["version"], data)
    else:
        views.pop(step.topic, None)
    return views


def _apply(data: Data, change: Mapping[str, Any]) -> None:
    if change["entity"] == "self":
        data.update(change["value"])
        return
    name = list_of(change["entity"])
    others = [one for one in data.get(name, []) if one["id"] != change["id"]]
    if change["op"] == "put":
        others.append(change["value"])
    data[name] = sorted(others, key=lambda one: (one.get("index", 0), one["id"]))
