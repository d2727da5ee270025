"""Writes a recording of what passes, whichever of several streams of one client told it."""

from collections import deque
from typing import Any, TextIO

import msgspec

from foundry_client.chaos.recording import TOLD, Step

READS = 100
"""This many views that were read are remembered: a stream may go on from any of them."""


class Recorder:
    """What was told before is left out, and so is a change of something nobody was told whole."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._tags: dict[str, str] = {}
        self._reads: deque[Step] = deque(maxlen=READS)

    def take(self, event: str, data: Any) -> None:
        """An event of a stream."""
        if event == "ready":
            for topic, tag in data["topics"].items():
                self._go_on_from(topic, tag)
        elif event == "change":
            base = f"{data['epoch']}.{data['base']}"
            self._go_on_from(data["topic"], base)
            if self._tags.get(data["topic"]) == base:
                self._write(Step(event, data))
        elif event in TOLD and self._tags.get(data["topic"]) != Step(event, data).tag:
            self._write(Step(event, data))

    def take_read(self, view: Any) -> None:
        """A view that was read, from which a stream may go on."""
        self._reads.append(Step("snapshot", {**view, "cause": {"kind": "bootstrap"}}))

    def _go_on_from(self, topic: str, tag: str) -> None:
        if self._tags.get(topic) == tag:
            return
        known = (step for step in self._reads if step.topic == topic and step.tag == tag)
        if step := next(known, None):
            self._write(step)

    def _write(self, step: Step) -> None:
        self._tags[step.topic] = step.tag
        self._file.write(msgspec.json.encode(step).decode() + "\n")
        self._file.flush()
