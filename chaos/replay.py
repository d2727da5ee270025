"""The log folded from zero into new files, one commit at a time: what each topic was at each of its versions."""

import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chaos.raw_log import Message
from events import codec
from events.commit import Recorded
from events.ids import Position
from projectors.catalog import PROJECTION_OF, PROJECTIONS
from projectors.epoch import epoch_of
from projectors.file import SCHEMA, ProjectionFile
from projectors.file_names import path_of
from projectors.projection import Projection
from projectors.projector import Projector
from projectors.reader import Reader

At = tuple[str, int]
"""A topic at a version."""


class Step(NamedTuple):
    """How a topic came to a version: what every client that was there must have been told."""

    base: int
    changes: bytes
    cause: bytes


class Replay:
    """Made by `replay`. Topics are named as they are stored: `app/<user>`."""

    def __init__(self, epochs: dict[str, str]) -> None:
        self._epochs = epochs
        self._steps: dict[At, Step] = {}
        self._versions: dict[str, list[int]] = defaultdict(list)
        self._views: dict[At, bytes] = {}

    def epoch(self, topic: str) -> str:
        return self._epochs[PROJECTION_OF[topic.partition("/")[0]]]

    def step(self, topic: str, version: int) -> Step | None:
        return self._steps.get((topic, version))

    def version_at(self, topic: str, position: int) -> int:
        """The newest version of a topic that is not newer than a position; 0 before its first."""
        versions = self._versions[topic]
        place = bisect_right(versions, position)
        return versions[place - 1] if place else 0

    def view(self, topic: str, version: int) -> Any:
        """The data of a topic; None unless it was asked for when the replay was made."""
        packed = self._views.get((topic, version))
        return None if packed is None else msgspec.json.decode(zlib.decompress(packed))

    def topics(self) -> Collection[str]:
        return self._versions.keys()

    def newest(self, topic: str) -> int:
        return self._versions[topic][-1]

    def note(self, topic: str, version: int, step: Step) -> None:
        self._steps[topic, version] = step
        self._versions[topic].append(version)

    def keep(self, topic: str, version: int, data: bytes) -> None:
        self._views[topic, version] = zlib.compress(data, 1)


async def replay(messages: Sequence[Message], folder: Path, wanted: Collection[At]) -> Replay:
    """Fold the messages into files in `folder`, and keep the views that are wanted and the last of each topic."""
    asked = frozenset(wanted)
    epochs = {one.name: epoch_of(one, SCHEMA) for one in PROJECTIONS}
    done = Replay(epochs)
    for projection in PROJECTIONS:
        await _replay(projection, epochs[projection.name], messages, folder, asked, done)
    return done


async def _replay(
    projection: Projection,
    epoch: str,
    messages: Sequence[Message],
    folder: Path,
    wanted: frozenset[At],
    done: Replay,
) -> None:
    path = path_of(folder, projection.name, epoch)
    projector = Projector(projection, epoch, ProjectionFile(path, numbered=projection.numbered))
    reader = Reader(projection, lambda: projector.epoch, path)
    await reader.open()
    touched: set[str] = set()
    try:
        for message in messages:
            projector.fold(_recorded(message), logging_changes=True)
            for change in projector.flush():
                step = Step(change.base, change.changes, change.cause)
                done.note(change.topic, change.version, step)
                touched.add(change.topic)
                if (change.topic, change.version) in wanted:
                    await _keep(reader, change.topic, done)
        for topic in touched:
            await _keep(reader, topic, done)
    finally:
        await reader.close()
        projector.close()


async def _keep(reader: Reader, topic: str, done: Replay) -> None:
    snapshot = await reader.snapshot(topic)
    if snapshot is not None:
        done.keep(topic, snapshot.version, bytes(snapshot.data))


def _recorded(message: Message) -> Recorded:
    return Recorded(
        position=Position(message.position),
        subject=message.subject,
        message_id=message.message_id.removeprefix(f"{message.subject}/"),
        body=message.body,
        decode=codec.decode,
    )
