"""A read side in memory that keeps every promise of `Views`, and can be made late, forgetful or rebuilt."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from events.ids import Position
from projectors.catalog import PROJECTION_OF
from projectors.views import Change, Listener, Snapshot, snapshot_of
from runtime.errors import Unavailable

PLURAL = {
    "entry": "entries",
    "member": "members",
    "repository": "repositories",
    "session": "sessions",
    "task": "tasks",
}

Op = dict[str, Any]


def put(entity: str, identity: str, **value: Any) -> Op:
    return {"op": "put", "entity": entity, "id": identity, "value": {"id": identity, **value}}


def remove(entity: str, identity: str) -> Op:
    return {"op": "remove", "entity": entity, "id": identity}


class Document:
    """The state of one view, folded from the same changes that clients get."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.scalars: dict[str, Any] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        for name, value in data.items():
            if isinstance(value, list):
                self.lists[name] = {element["id"]: element for element in value}
            else:
                self.scalars[name] = value

    def apply(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if op["entity"] == "self":
                self.scalars = dict(op["value"])
                continue
            elements = self.lists.setdefault(PLURAL[op["entity"]], {})
            if op["op"] == "put":
                elements[op["id"]] = op["value"]
            else:
                elements.pop(op["id"], None)

    @property
    def data(self) -> dict[str, Any]:
        lists = {name: [one[key] for key in sorted(one)] for name, one in self.lists.items()}
        return {**self.scalars, **lists}


class MemoryViews:
    def __init__(self, topics: Mapping[str, Mapping[str, Any]]) -> None:
        self._documents = {topic: Document(data) for topic, data in topics.items()}
        self._versions = {topic: Position(number + 1) for number, topic in enumerate(topics)}
        self._head = len(topics)
        self._log: dict[str, list[Change]] = {topic: [] for topic in topics}
        self._floor: dict[str, int] = dict.fromkeys(topics, 0)
        self._epochs = {projection: f"{projection}-1" for projection in PROJECTION_OF.values()}
        self._untold: list[Change] = []
        self._listeners: list[Listener] = []
        self._reset_listeners: list[Callable[[str], None]] = []
        self._waiting: list[tuple[Position, asyncio.Event]] = []
        self._snapshots: dict[tuple[str, Position], bytes] = {}
        self._position = Position(self._head)
        self.reading: Callable[[], Awaitable[None]] | None = None
        """Awaited before and after every read, so that commits can fall in between."""

    # --- Writing ---

    def write(self, changed: Mapping[str, Sequence[Op]], *, command_id: str = "cmd") -> Position:
        """Commit to the rows; nobody is told yet."""
        self._head += 1
        version = Position(self._head)
        for topic, ops in changed.items():
            document = self._documents.setdefault(topic, Document({"id": topic.split("/")[1]}))
            document.apply(ops)
            change = Change(
                topic=topic,
                epoch=self.epoch(PROJECTION_OF[topic.split("/")[0]]),
                base=self._versions.get(topic, Position(0)),
                version=version,
                changes=msgspec.json.encode(ops),
                cause=msgspec.json.encode(
                    {
                        "kind": "event",
                        "event": "task_renamed",
                        "position": version,
                        "command_id": command_id,
                        "actor": "usr_ann",
                        "at": 1000 + version,
                    }
                ),
            )
            self._versions[topic] = version
            self._log.setdefault(topic, []).append(change)
            self._untold.append(change)
        return version

    def tell(self) -> None:
        """One batch with everything written since the last."""
        batch, self._untold = self._untold, []
        self._position = Position(self._head)
        for listener in tuple(self._listeners):
            listener(batch, self._position)
        for position, event in self._waiting:
            if position <= self._position:
                event.set()

    def commit(self, topic: str, *ops: Op, command_id: str = "cmd") -> Position:
        position = self.write({topic: ops}, command_id=command_id)
        self.tell()
        return position

    def forget(self, topic: str) -> None:
        """Prune the change log of a topic up to now."""
        self._floor[topic] = self._head
        self._log[topic] = []

    def end(self, topic: str, *ops: Op) -> None:
        """There is no such topic any more; with `ops` its last change is told."""
        if ops:
            self.write({topic: ops})
            self._untold[-1] = msgspec.structs.replace(self._untold[-1], ended=True)
        del self._documents[topic], self._versions[topic]
        if ops:
            self.tell()

    def rebuild(self, projection: str, *, telling: bool = True) -> None:
        """The projection's file is replaced by one with another epoch; no change log comes with it."""
        self._epochs[projection] += "x"
        self._snapshots.clear()
        for topic in self._documents:
            if PROJECTION_OF[topic.split("/")[0]] == projection:
                self.forget(topic)
        for listener in tuple(self._reset_listeners) if telling else ():
            listener(projection)

    def cut(self, position: int) -> None:
        """The log lost its tail: positions start again from here, under another epoch."""
        self._head = position
        self._position = Position(position)
        for topic, version in self._versions.items():
            self._versions[topic] = min(version, Position(position))
        for projection in self._epochs:
            self.rebuild(projection)

    def data(self, topic: str) -> dict[str, Any]:
        return self._documents[topic].data

    async def head(self) -> Position:
        """What the log answers: its newest commit, told or not."""
        return Position(self._head)

    # --- Views ---

    @property
    def position(self) -> Position:
        return self._position

    def epoch(self, projection: str) -> str:
        return self._epochs[projection]

    async def snapshot(self, topic: str) -> Snapshot | None:
        await self._read()
        if topic not in self._documents:
            return None
        version = self._versions[topic]
        if (topic, version) not in self._snapshots:
            self._snapshots = {
                key: data for key, data in self._snapshots.items() if key[0] != topic
            }
            encoded = msgspec.json.encode(self._documents[topic].data)
            self._snapshots[topic, version] = encoded
        result = snapshot_of(
            topic,
            epoch=self.epoch(PROJECTION_OF[topic.split("/")[0]]),
            version=version,
            data=self._snapshots[topic, version],
        )
        await self._read()
        return result

    async def version(self, topic: str) -> Position | None:
        await self._read()
        return self._versions.get(topic)

    async def changes(self, topic: str, after: Position) -> Sequence[Change] | None:
        await self._read()
        if after < self._floor.get(topic, 0):
            return None
        result = [change for change in self._log.get(topic, []) if change.version > after]
        await self._read()
        return result

    async def page(self, topic: str, *, before: int, limit: int) -> Snapshot | None:
        if not topic.startswith("transcript/") or topic not in self._documents:
            return None
        data = self._documents[topic].data
        earlier = [entry for entry in data["entries"] if entry["index"] < before]
        return snapshot_of(
            topic,
            epoch=self.epoch("transcript"),
            version=self._versions[topic],
            data=msgspec.json.encode(data | {"entries": earlier[-limit:]}),
        )

    async def reached(self, position: Position, *, within: float) -> None:
        if position <= self._position:
            return
        entry = (position, asyncio.Event())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(within):
                await entry[1].wait()
        except TimeoutError:
            raise Unavailable("Not there yet.", code="not_caught_up") from None
        finally:
            self._waiting.remove(entry)

    def listen(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return partial(_discard, self._listeners, listener)

    def on_reset(self, listener: Callable[[str], None]) -> Callable[[], None]:
        self._reset_listeners.append(listener)
        return partial(_discard, self._reset_listeners, listener)

    async def _read(self) -> None:
        if self.reading is not None:
            await self.reading()


def _discard(listeners: list[Any], listener: object) -> None:
    if listener in listeners:
        listeners.remove(listener)
