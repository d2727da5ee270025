"""A small honest gateway that plays a recording: whoever holds what gets what follows, or the whole.

Time passes in it only while somebody watches, one step behind the other, and by as many steps as
are asked for each time a stream was broken. So a run is the same every time, and a client that
reconnects has always missed something.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import msgspec

from foundry_client.chaos.recording import Recording, Step

Held = Mapping[str, str | None]


class Stage:
    """One playing of a recording, with all streams that watch it. `pace` and `heartbeat` are seconds."""

    def __init__(self, recording: Recording, *, pace: float, heartbeat: float) -> None:
        self.recording = recording
        self.moment = recording.beginning
        self._pace = pace
        self._heartbeat = heartbeat
        self._watching: dict[str, Watching] = {}
        self._opened = 0

    def pass_time(self, steps: int) -> None:
        """Let things happen that nobody sees."""
        self.moment = min(self.moment + steps, self.recording.end)
        for watching in self._watching.values():
            watching.look.set()

    def interest(self, sid: str, revision: int, add: Held, remove: list[str]) -> int | None:
        """Change what an open stream carries; the revision in force, None for a stream that is not there."""
        watching = self._watching.get(sid)
        if watching is None:
            return None
        watching.interest(revision, add, remove)
        return watching.revision

    def view(self, topic: str) -> tuple[str, bytes] | None:
        """The ETag of a topic as it is now, and its body."""
        shown = self.recording.views(self.moment).get(topic)
        if shown is None:
            return None
        body = {
            "topic": topic,
            "epoch": shown.epoch,
            "version": shown.version,
            "data": shown.data,
        }
        return f'"{shown.tag}"', msgspec.json.encode(body)

    @property
    def position(self) -> int:
        """The newest version of all topics."""
        return max((one.version for one in self.recording.views(self.moment).values()), default=0)

    async def stream(self, held: Held) -> AsyncIterator[bytes]:
        """The body of one stream, to be closed by whoever reads it."""
        self._opened += 1
        watching = Watching(f"stage.{self._opened}", self, held)
        self._watching[watching.sid] = watching
        try:
            yield b"retry: 50\n\n"
            yield _frame("hello", self._hello(watching.sid))
            while True:
                for frame in watching.owed():
                    yield frame
                if self.moment < self.recording.end:
                    await asyncio.sleep(self._pace)
                    self.pass_time(1)
                elif not await watching.looked(within=self._heartbeat):
                    yield _frame("heartbeat", self._sign_of_life(), watching.cursor())
        finally:
            del self._watching[watching.sid]

    def _hello(self, sid: str) -> Mapping[str, Any]:
        heartbeat_ms = round(self._heartbeat * 1000)
        return {"sid": sid, "node": "stage", "protocol": 1, "heartbeat_ms": heartbeat_ms}

    def _sign_of_life(self) -> Mapping[str, Any]:
        return {"at": round(time.time() * 1000), "position": self.position, "lag_ms": 0}


class Watching:
    """One stream of a stage: what its reader was told, and what it is owed."""

    def __init__(self, sid: str, stage: Stage, held: Held) -> None:
        self.sid = sid
        self.revision = 0
        self.look = asyncio.Event()
        self._stage = stage
        self._told = stage.moment
        self._topics: set[str] = set()
        self._new: dict[str, str | None] = dict(held)
        self._ready_owed = True

    def interest(self, revision: int, add: Held, remove: list[str]) -> None:
        if revision <= self.revision:
            return
        self.revision = revision
        self._new.update(add)
        self._ready_owed = True
        for topic in remove:
            self._new.pop(topic, None)
            self._topics.discard(topic)
        self.look.set()

    async def looked(self, *, within: float) -> bool:
        """Wait until there may be something to tell."""
        try:
            async with asyncio.timeout(within):
                await self.look.wait()
        except TimeoutError:
            return False
        self.look.clear()
        return True

    def owed(self) -> Iterator[bytes]:
        recording, moment = self._stage.recording, self._stage.moment
        for step in recording.steps[self._told : moment]:
            self._told += 1
            if step.topic in self._topics:
                yield _frame(step.event, step.data, "" if self._ready_owed else self.cursor())
        self._told = moment
        while self._new:
            # One at a time: interest may change while the reader takes its time.
            topic = next(iter(self._new))
            yield from self._brought_up(topic, self._new.pop(topic), moment)
        if self._ready_owed:
            self._ready_owed = False
            views = recording.views(moment)
            live = {topic: views[topic].tag for topic in sorted(self._topics & views.keys())}
            yield _frame("ready", {"revision": self.revision, "topics": live}, self.cursor())

    def cursor(self) -> str:
        return f"{self._told}.stage"

    def _brought_up(self, topic: str, tag: str | None, moment: int) -> Iterator[bytes]:
        recording = self._stage.recording
        shown = recording.views(moment).get(topic)
        if shown is None:
            yield _frame("forbidden", {"topic": topic})
            return
        self._topics.add(topic)
        missed = recording.since(tag, topic, moment)
        if missed is None:
            kind = "bootstrap" if tag is None else "gap" if _epoch(tag) == shown.epoch else "reset"
            whole = {"epoch": shown.epoch, "version": shown.version, "cause": {"kind": kind}}
            yield _frame("snapshot", {"topic": topic, **whole, "data": shown.data})
            return
        for step in missed:
            yield _frame(step.event, _resumed(step))


def told_until(cursor: str, recording: Recording, topics: list[str]) -> Held:
    """What the bearer of a cursor of this stage holds of some topics; of another cursor: nothing."""
    number, _, name = cursor.partition(".")
    if name != "stage" or not number.isdecimal() or int(number) > recording.end:
        return dict.fromkeys(topics)
    views = recording.views(int(number))
    return {topic: views[topic].tag if topic in views else None for topic in topics}


def _epoch(tag: str) -> str:
    return tag.rpartition(".")[0]


def _resumed(step: Step) -> Mapping[str, Any]:
    cause = {**step.data.get("cause", {}), "kind": "resume"}
    return {**step.data, "cause": cause} if step.event == "change" else step.data


def _frame(event: str, data: Mapping[str, Any], identity: str = "") -> bytes:
    line = f"id: {identity}\n".encode() if identity else b""
    return b"event: %b\ndata: %b\n%b\n" % (event.encode(), msgspec.json.encode(data), line)
