"""Folds what a client of streams was told, and holds every word of it to the log."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from chaos.findings import Findings
from chaos.frames import Event, Malformed, parse
from chaos.records import Asked, Closed, Level, Opened, Record, Told
from chaos.replay import At, Replay
from chaos.town import Person
from tests.system.held import Held

CAUSES = {
    "snapshot": {"bootstrap", "gap", "conflated", "reset"},
    "change": {"event", "resume", "conflated"},
}


def _is_compared(changes: int) -> bool:
    """Whether a held view is compared as a whole after so many; each change by itself is compared always."""
    # A long run has large views, and many of them: all would not fit into memory.
    return changes % (10 if changes < 10_000 else 100) == 0


def wanted_views(records: Iterable[Record], person: Person) -> Iterator[At]:
    """The topics at versions that `check_watching` will compare as a whole."""
    changes = 0
    for record in records:
        if not isinstance(record, Told):
            continue
        try:
            event = parse(record.block)
        except Malformed:
            continue
        if event is None or event.name not in CAUSES:
            continue
        changes += 1
        if (
            event.name == "snapshot"
            or event.data["cause"]["kind"] == "conflated"
            or _is_compared(changes)
        ):
            yield stored_name(event.data["topic"], person), event.data["version"]


def stored_name(topic: str, person: Person) -> str:
    return person.topic if topic == "app" else topic


def _resumed_from(opened: Opened) -> int | None:
    """The position in the cursor of a client that says nothing else of what it holds."""
    if not opened.native or opened.cursor is None:
        return None
    return int(opened.cursor.partition(".")[0])


class WatchingCheck:
    """One client from its first stream to its last; what it holds outlives each of them."""

    def __init__(self, name: str, person: Person, replay: Replay, findings: Findings) -> None:
        self._name = name
        self._person = person
        self._replay = replay
        self._findings = findings
        self._held: dict[str, Held] = {}
        self._asked: set[str] = set()
        self._live: set[str] = set()
        self._names: list[str] = []
        self._ready = False
        self._position = 0
        self._last_level = 0
        self._told: dict[str, int] = {}
        """The newest version of each topic that the open stream told."""
        self._resumed: int | None = None
        """The position a native client came back with."""

    def run(self, records: Iterable[Record]) -> None:
        for record in records:
            match record:
                case Opened(topics=topics):
                    self._asked, self._live, self._names = set(topics), set(), []
                    self._ready, self._position = False, 0
                    self._told, self._resumed = {}, _resumed_from(record)
                    self._findings.seen["streams"] += 1
                case Asked(add=add):
                    self._asked |= set(add)
                case Told(block=block):
                    self._take(block)
                case Level(position=position):
                    self._check_level(position)
                case Closed(why=why):
                    self._check_end(why)
                case _:
                    self._wrong(f"a record that is not of a stream: {record}")

    def is_level(self, head: int) -> None:
        """The run is over: everything up to `head` must have been told."""
        if self._last_level < head:
            self._findings.add("skipped", f"{self._name} was told up to {self._last_level} only")

    # --- One event ---

    def _take(self, block: str) -> None:
        try:
            event = parse(block)
        except Malformed as error:
            self._wrong(f"malformed: {error}")
            return
        if event is None:
            return
        if self._names[-1:] == ["bye"] or (not self._names and event.name not in ("hello", "bye")):
            self._wrong(f"{event.name} after {self._names[-1:]}")
        self._names.append(event.name)
        match event.name:
            case "snapshot" | "change":
                self._fold(event)
            case "ready":
                self._check_ready(event.data["topics"])
            case "heartbeat":
                if event.data["position"] < self._position:
                    self._wrong(f"the position went back to {event.data['position']}")
                self._position = event.data["position"]
            case "gone" | "forbidden":
                self._wrong(f"{event.name} for {event.data['topic']}")
            case "bye":
                self._findings.seen[f"bye {event.data['code']}"] += 1
            case _:
                pass
        if event.id is not None and not self._ready:
            self._wrong("an id before the stream was ready")

    def _fold(self, event: Event) -> None:
        data = event.data
        topic, kind = data["topic"], data["cause"]["kind"]
        if topic not in self._asked or kind not in CAUSES[event.name]:
            self._wrong(f"{event.name} of {topic} with cause {kind}")
            return
        stored = stored_name(topic, self._person)
        if data["epoch"] != self._replay.epoch(stored):
            self._differing(f"{topic} has the epoch {data['epoch']}")
            return
        self._findings.seen[f"{event.name} {kind}"] += 1
        self._told[topic] = max(self._told.get(topic, 0), data["version"])
        if event.name == "snapshot":
            self._replace(topic, stored, data)
        else:
            self._apply(topic, stored, data)

    def _replace(self, topic: str, stored: str, data: Any) -> None:
        held = self._held.get(topic)
        if held is not None and data["version"] < held.version:
            self._differing(f"{topic} went back from {held.version} to {data['version']}")
        if data["cause"]["kind"] == "reset":
            self._differing(f"{topic} was reset, and the log was not cut")
        self._held[topic] = Held(data["epoch"], data["version"], data["data"])
        self._compare(topic, stored)

    def _apply(self, topic: str, stored: str, data: Any) -> None:
        held = self._held.get(topic)
        if held is None:
            self._wrong(f"a change of {topic}, which is not held")
            return
        if data["version"] <= held.version:
            self._findings.seen["change sent again"] += 1
            return
        if data["base"] != held.version:
            self._findings.add(
                "skipped",
                f"{self._name}: {topic} is held at {held.version}, told {data['base']}"
                f" to {data['version']}",
            )
            del self._held[topic]
            return
        conflated = data["cause"]["kind"] == "conflated"
        if not conflated:
            self._check_step(topic, stored, data)
        try:
            held.apply(data["changes"], data["version"], conflated=conflated)
        except (AssertionError, KeyError) as error:
            self._differing(f"{topic} at {data['version']} does not fit: {error!r}")
        self._compare(topic, stored)

    def _check_step(self, topic: str, stored: str, data: Any) -> None:
        step = self._replay.step(stored, data["version"])
        if step is None:
            self._differing(f"{topic} has no version {data['version']} in the log")
            return
        cause = {**data["cause"], "kind": "event"}
        if (
            step.base != data["base"]
            or msgspec.json.decode(step.changes) != data["changes"]
            or msgspec.json.decode(step.cause) != cause
        ):
            self._differing(f"{topic} at {data['version']}: {data} is not {step}")

    def _compare(self, topic: str, stored: str) -> None:
        """The view as a whole, where the replay kept it."""
        held = self._held[topic]
        view = self._replay.view(stored, held.version)
        if view is not None:
            self._findings.seen["views compared"] += 1
            if view != held.data:
                self._differing(f"{topic} at {held.version} is not what the log says")
        elif self._replay.step(stored, held.version) is None:
            self._differing(f"{topic} has no version {held.version} in the log")

    # --- Where a stream stands ---

    def _check_ready(self, topics: dict[str, str]) -> None:
        self._ready = True
        self._live = set(topics)
        for topic, tag in topics.items():
            held = self._held.get(topic)
            if held is None or (held.tag != tag and not self._is_owed_again(topic, held, tag)):
                self._wrong(f"ready says {topic} {tag}, which is not held")

    def _is_owed_again(self, topic: str, held: Held, tag: str) -> bool:
        """Whether a node may be behind what a client holds, and say so.

        A native client remembers an `id:`, and may have been told more since. The node it comes back to
        begins there: whatever it has told by now is where the topic stands on this stream, and what the
        client has of later versions will come to it once more.
        """
        if self._resumed is None:
            return False
        stored = stored_name(topic, self._person)
        begun = self._replay.version_at(stored, self._resumed)
        stands_at = max(begun, self._told.get(topic, 0))
        owed = stands_at < held.version and tag == f"{held.epoch}.{stands_at}"
        self._findings.seen["ready behind what is held"] += owed
        return owed

    def _check_level(self, position: int) -> None:
        """Everything up to here has been told: so every live topic is held at its newest version."""
        for topic in self._live:
            newest = self._replay.version_at(stored_name(topic, self._person), position)
            if topic in self._held and self._held[topic].version < newest:
                self._findings.add(
                    "skipped",
                    f"{self._name}: {topic} is held at {self._held[topic].version} and was at"
                    f" {newest} by {position}",
                )
                # Said once, and not again at every heartbeat.
                self._live = self._live - {topic}
        self._last_level = position
        self._findings.seen["levels"] += 1

    def _check_end(self, why: str) -> None:
        if why == "ended" and self._names[-1:] != ["bye"]:
            self._findings.seen["streams cut"] += 1

    def _wrong(self, sentence: str) -> None:
        self._findings.add("wrong", f"{self._name}: {sentence}")

    def _differing(self, sentence: str) -> None:
        self._findings.add("differing", f"{self._name}: {sentence}")
